import 'reflect-metadata';
import { runTenantCommand } from './tenant-command-line.js';

process.exitCode = await runTenantCommand(process.argv.slice(2));
