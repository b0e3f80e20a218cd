#!/usr/bin/env node
import { runTriptych } from './program.js';

process.exitCode = await runTriptych(process.argv.slice(2));
