import 'reflect-metadata';
import { runImportCommand } from './backup-command-line.js';

process.exitCode = await runImportCommand(process.argv.slice(2));
