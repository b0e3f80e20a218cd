import 'reflect-metadata';
import { runEmbeddingCommand } from './embedding-command-line.js';

process.exitCode = await runEmbeddingCommand(process.argv.slice(2));
