import type { DataSource } from 'typeorm';
import type { TriptychOptions } from '../config/options.js';
import { StartupError } from '../errors.js';
import { driverMessage } from './driver-message.js';
import { EmbeddedEngine } from './embedded-engine.js';
import { MigrationDataSource } from './migration-data-source.js';
import { MIGRATE_COMMAND } from './preflight.js';

/**
 * Opens the database of the settings as the owner of the schema, for a command, and closes it when `work` is
 * over.
 * @throws StartupError when it cannot be opened, its schema is behind, or a service uses the embedded engine
 */
export function withOwner<T>(options: TriptychOptions, work: (owner: DataSource) => Promise<T>): Promise<T> {
  return withSchema(options, async (owner) => {
    // As the service does: the embedded engine is always brought up to date.
    if (!options.database.url) await owner.runMigrations();
    else if (await owner.showMigrations())
      throw new StartupError(`The schema is behind. Run ${MIGRATE_COMMAND} with the same DATABASE_URL.`);
    return work(owner);
  });
}

/** As {@link withOwner}, whatever state the schema is in. */
export async function withSchema<T>(
  options: TriptychOptions,
  work: (owner: MigrationDataSource) => Promise<T>,
): Promise<T> {
  const embedded = options.database.url ? undefined : await EmbeddedEngine.open(options.database.dataDir);
  try {
    const owner = new MigrationDataSource({ options, embedded, entities: [] });
    try {
      await owner.initialize();
    } catch (error) {
      if (error instanceof StartupError) throw error;
      throw new StartupError(`The database cannot be opened: ${driverMessage(error)}. Check DATABASE_URL.`, {
        cause: error,
      });
    }
    try {
      return await work(owner);
    } finally {
      await owner.destroy();
    }
  } finally {
    await embedded?.close();
  }
}
