import { runCommand } from '../config/command-line.js';
import { loadOptions } from '../config/load-options.js';
import { withOwner } from '../database/owner-database.js';
import { LexicalIndex } from '../recall/lexical-index.js';
import { NothingErasedError } from './erase-tenant.js';
import { parseCommand, USAGE } from './tenant-command.js';
import { TenantRegistry } from './tenant-registry.js';

/**
 * Runs one command of `npm run tenant`: its answer goes to standard output, all else to standard error.
 * @param environment where the settings are read, as `loadOptions` does
 * @returns the exit status
 */
export function runTenantCommand(args: string[], environment?: NodeJS.ProcessEnv): Promise<number> {
  return runCommand(args, {
    usage: USAGE,
    parse: parseCommand,
    run: (command) => {
      const options = loadOptions(environment);
      return withOwner(options, (owner) =>
        command.run(new TenantRegistry(owner, new LexicalIndex(options.recall.textSearch))),
      );
    },
    isExpected: (error) => error instanceof NothingErasedError,
    answered: (answer) => {
      if ('key' in answer) console.error('Keep this key now: it is not stored and cannot be shown again.');
    },
  });
}
