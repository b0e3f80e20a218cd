import 'reflect-metadata';
import { runDemo } from './demo-main.js';

process.exitCode = await runDemo(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  colors: process.stdout.isTTY && !process.env['NO_COLOR'],
  environment: process.env,
});
