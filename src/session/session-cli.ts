import 'reflect-metadata';
import { runSessionCommand } from './session-command-line.js';

process.exitCode = await runSessionCommand(process.argv.slice(2));
