import 'reflect-metadata';
import { main } from './soak-command.js';

process.exitCode = await main(process.argv.slice(2));
