import { runCommand } from '../config/command-line.js';
import { loadOptions } from '../config/load-options.js';
import type { TriptychOptions } from '../config/options.js';
import { EmbeddedEngine } from '../database/embedded-engine.js';
import { MigrationDataSource } from '../database/migration-data-source.js';
import { StartupError } from '../errors.js';
import { NothingErasedError } from './erase-tenant.js';
import { LexicalIndex } from '../recall/lexical-index.js';
import { parseCommand, USAGE } from './tenant-command.js';
import { TenantRegistry } from './tenant-registry.js';

/** Opens the database of the settings as the owner of the schema, runs `work`, and closes it. */
async function withRegistry<T>(
  options: TriptychOptions,
  work: (registry: TenantRegistry) => Promise<T>,
): Promise<T> {
  const embedded = options.database.url ? undefined : await EmbeddedEngine.open(options.database.dataDir);
  try {
    const owner = new MigrationDataSource({ options, embedded, entities: [] });
    try {
      await owner.initialize();
    } catch (error) {
      throw new StartupError(
        `The database cannot be opened: ${(error as Error).message}. Check DATABASE_URL.`,
      );
    }
    try {
      // As the service does: the embedded engine is always brought up to date.
      if (embedded) await owner.runMigrations();
      else if (await owner.showMigrations())
        throw new StartupError(
          'The schema is behind. Run `npm run migration:run` with the same DATABASE_URL.',
        );
      return await work(new TenantRegistry(owner, new LexicalIndex(options.recall.textSearch)));
    } finally {
      await owner.destroy();
    }
  } finally {
    await embedded?.close();
  }
}

/**
 * Runs one command of `npm run tenant`: its answer goes to standard output, all else to standard error.
 * @param environment where the settings are read, as `loadOptions` does
 * @returns the exit status
 */
export function runTenantCommand(args: string[], environment?: NodeJS.ProcessEnv): Promise<number> {
  return runCommand(args, {
    usage: USAGE,
    parse: parseCommand,
    run: (command) => withRegistry(loadOptions(environment), (registry) => command.run(registry)),
    isExpected: (error) => error instanceof NothingErasedError,
    answered: (answer) => {
      if ('key' in answer) console.error('Keep this key now: it is not stored and cannot be shown again.');
    },
  });
}
