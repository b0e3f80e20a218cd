import pg from 'pg';
import { DatabaseUnavailableError } from '../errors.js';
import { KEEP_ALIVE_MS } from './data-source-options.js';
import { destroy } from './statement-watch.js';

/** To connect and to answer together, in milliseconds: whoever asks wants to know soon. */
const ANSWER_MS = 2_000;
/** A connection that nobody used for so long is closed, in milliseconds. */
const IDLE_MS = 60_000;

/**
 * One connection beside the pool, for those who watch the server: it answers soon or not at all, however busy the
 * pool is, and takes nothing from it. As the user of `DATABASE_URL`; opened when it is first used.
 */
export class ServerProbe {
  #client: pg.Client | undefined;
  #isConnected: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;

  constructor(private readonly url: string | undefined) {}

  /** @throws DatabaseUnavailableError after 2 s; whatever the server says */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = this.#client ?? this.#open();
    clearTimeout(this.#idle);
    const late = setTimeout(() => {
      destroy(client, new DatabaseUnavailableError(`it did not answer for ${ANSWER_MS} ms`));
    }, ANSWER_MS);
    try {
      await this.#isConnected;
      return (await client.query<Row>(text, values)).rows;
    } catch (error) {
      this.#close(client);
      throw error;
    } finally {
      clearTimeout(late);
      clearTimeout(this.#idle);
      this.#idle = setTimeout(() => {
        this.#close(client);
      }, IDLE_MS).unref();
    }
  }

  close(): void {
    clearTimeout(this.#idle);
    if (this.#client) this.#close(this.#client);
  }

  #open(): pg.Client {
    const client = new pg.Client({
      connectionString: this.url,
      application_name: 'triptych health',
      // Two checks at once are no mistake.
      pipeline: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    client.on('error', () => {
      this.#close(client);
    });
    this.#client = client;
    this.#isConnected = client.connect();
    return client;
  }

  /** Without waiting: a connection that is broken does not say goodbye. */
  #close(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
    client.end().catch(() => undefined);
  }
}
