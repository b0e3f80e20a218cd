import 'reflect-metadata';
import { runExportCommand } from './backup-command-line.js';

process.exitCode = await runExportCommand(process.argv.slice(2));
