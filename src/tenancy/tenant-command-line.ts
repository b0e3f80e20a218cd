import { Logger } from '@nestjs/common';
import { loadOptions } from '../config/load-options.js';
import type { TriptychOptions } from '../config/options.js';
import { EmbeddedEngine } from '../database/embedded-engine.js';
import { MigrationDataSource } from '../database/migration-data-source.js';
import { StartupError, TriptychError } from '../errors.js';
import { NothingErasedError } from './erase-tenant.js';
import { parseCommand, USAGE, UsageError } from './tenant-command.js';
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
      return await work(new TenantRegistry(owner));
    } finally {
      await owner.destroy();
    }
  } finally {
    await embedded?.close();
  }
}

/** One member a line; a list is separated by empty lines. */
function forPeople(answer: object): string {
  if (Array.isArray(answer)) return answer.map((item: object) => forPeople(item)).join('\n\n') || 'None.';
  const width = Math.max(10, ...Object.keys(answer).map(({ length }) => length)) + 2;
  return Object.entries(answer)
    .map(([name, value]) => `${name.padEnd(width)}${shown(value)}`)
    .join('\n');
}

function shown(value: unknown): string {
  if (value === null) return '–';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/**
 * Runs one command of `npm run tenant`: its answer goes to standard output, all else to standard error.
 * @param environment where the settings are read, as `loadOptions` does
 * @returns the exit status
 */
export async function runTenantCommand(args: string[], environment?: NodeJS.ProcessEnv): Promise<number> {
  // The answer has standard output to itself, so that `--json` can be piped; audit lines go beside it.
  Logger.overrideLogger({ log: line, warn: line, error: line });
  try {
    const command = parseCommand(args);
    if (!command) {
      console.log(USAGE);
      return 0;
    }
    const answer = await withRegistry(loadOptions(environment), (registry) => command.run(registry));
    console.log(command.json ? JSON.stringify(answer, null, 2) : forPeople(answer));
    if ('key' in answer) console.error('Keep this key now: it is not stored and cannot be shown again.');
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${USAGE}`);
      return 2;
    }
    const isExpected = error instanceof TriptychError || error instanceof NothingErasedError;
    console.error(isExpected ? error.message : error);
    return 1;
  }
}

function line(message: unknown): void {
  console.error(JSON.stringify(message));
}
