import pg from 'pg';
import type { PGlite } from '@electric-sql/pglite';
import { PglitePgConnection } from '@electric-sql/pglite/node-postgres';

export interface PGliteClientConfig extends pg.ClientConfig {
  pglite: PGlite;
}

/**
 * A `pg.Client` whose wire is the in-process PGlite, so that TypeORM, LangGraph's saver and our own
 * statements meet the same driver on both engines. PGlite has one session for its whole life; a new
 * client therefore begins by resetting it, as a new backend would.
 */
export class PGliteClient extends pg.Client {
  readonly #pglite: PGlite;

  constructor(config: PGliteClientConfig) {
    const connection: unknown = new PglitePgConnection({ pglite: config.pglite });
    super({
      user: 'postgres',
      database: 'postgres',
      password: '-',
      host: 'localhost',
      ...config,
      connection,
    } as never);
    this.#pglite = config.pglite;
  }

  async #reset(): Promise<void> {
    await this.#pglite.waitReady;
    await this.#pglite.exec('ROLLBACK');
    await this.#pglite.exec('DISCARD ALL');
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<pg.Client> | undefined {
    const connected = this.#reset().then(async () => {
      await super.connect();
      return this;
    });
    if (!callback) return connected;
    connected.then(
      () => {
        callback(null);
      },
      (error: unknown) => {
        callback(error as Error);
      },
    );
    return undefined;
  }
}
