#!/usr/bin/env node
import { runTriptych } from './program.js';

// A reader who has seen enough, as `head` has, closes the pipe: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
process.exitCode = await runTriptych(process.argv.slice(2));
