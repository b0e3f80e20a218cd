#!/usr/bin/env node
import { runTriptych } from './program.js';

// A reader who has seen enough, as `head` has, closes the pipe. What is said from then on is lost, and what is being done
// goes on: half of a file stored, or a service stopped without a word, would be worse. What only lists ends by itself.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
process.exitCode = await runTriptych(process.argv.slice(2));
