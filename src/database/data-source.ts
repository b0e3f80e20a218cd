import 'reflect-metadata';
import { loadOptions } from '../config/load-options.js';
import { EmbeddedEngine } from './embedded-engine.js';
import { MigrationDataSource } from './migration-data-source.js';

const options = loadOptions();
const embedded = options.database.url ? undefined : await EmbeddedEngine.open(options.database.dataDir);
// The CLI ends with process.exit, which waits for nobody; the lock must not stay behind.
process.once('exit', () => embedded?.abandon());

/** The embedded engine keeps a process alive, and `migration:revert` expects its own to end by itself. */
class CommandDataSource extends MigrationDataSource {
  override async destroy(): Promise<void> {
    await super.destroy();
    await embedded?.close();
  }
}

/** What the TypeORM CLI works on: `DATABASE_URL`, or the embedded engine in `DATA_DIR`. */
export default new CommandDataSource(
  { options, embedded, entities: [`${import.meta.dirname}/../*/*.entity.js`] },
  'advanced-console',
);
