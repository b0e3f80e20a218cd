import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { TriptychSettings } from '../../src/config/options.js';
import { EmbeddingsServer } from '../support/embeddings-server.js';
import type { TestDatabase } from '../support/engines.js';
import { PostgresCluster } from '../support/postgres-cluster.js';
import { ServiceProcess } from '../support/service-process.js';
import type { Round } from './kill-plan.js';

/** Runs one statement as the superuser, past every policy. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

const DIMENSIONS = 64;
const MODEL = 'some-model';
/** The claim of a worker that was killed comes back after 12 of them. */
const TIMEOUT_MS = 500;
/** By which the connections of the service that is killed are told from others. */
const SERVICE = 'triptych that is killed';

/** The built service with its database and its embeddings provider, each of which can be killed and comes again. */
export class Deployment {
  #service: ServiceProcess | undefined;

  private constructor(
    readonly provider: EmbeddingsServer,
    private readonly folder: string | undefined,
    private readonly cluster: PostgresCluster | undefined,
  ) {}

  /** On the embedded engine, which is a part of the service. */
  static async embedded(): Promise<Deployment> {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-kills-'));
    return Deployment.#begin(folder, undefined);
  }

  /** On a PostgreSQL of its own. */
  static async postgres(): Promise<Deployment> {
    return Deployment.#begin(undefined, await PostgresCluster.start());
  }

  static async #begin(folder?: string, cluster?: PostgresCluster): Promise<Deployment> {
    const provider = await EmbeddingsServer.start({ dimensions: DIMENSIONS });
    const deployment = new Deployment(provider, folder, cluster);
    await deployment.startService();
    return deployment;
  }

  get service(): ServiceProcess {
    if (!this.#service) throw new Error('The service was not started.');
    return this.#service;
  }

  /** For an application in this process, on the same database with the same provider. */
  get settings(): TriptychSettings {
    const { url: baseUrl } = this.provider;
    return {
      database: this.database.settings,
      embeddings: {
        ...{ provider: 'openai', baseUrl, model: MODEL, dimensions: DIMENSIONS, timeoutMs: TIMEOUT_MS },
      },
    };
  }

  get database(): TestDatabase {
    const drop = (): Promise<void> => Promise.resolve();
    return this.cluster
      ? { engine: 'postgres', settings: { url: this.cluster.url }, drop }
      : { engine: 'embedded', settings: { dataDir: this.#dataDir }, drop };
  }

  async startService(): Promise<void> {
    this.#service = await ServiceProcess.start({
      ...(this.cluster
        ? { DATABASE_URL: this.cluster.url, MIGRATE_ON_START: 'true', PGAPPNAME: SERVICE }
        : { DATA_DIR: this.#dataDir }),
      ...{ EMBEDDINGS: 'openai', OPENAI_BASE_URL: this.provider.url, EMBEDDING_MODEL: MODEL },
      ...{ EMBEDDING_DIMENSIONS: String(DIMENSIONS), EMBEDDING_TIMEOUT_MS: String(TIMEOUT_MS) },
    });
  }

  /** Kills, and has PostgreSQL recover; a service that was not killed is ready again then. */
  async kill({ target, withBackends }: Pick<Round, 'target' | 'withBackends'>): Promise<void> {
    const gone: Promise<void>[] = [];
    if (target !== 'database') gone.push(this.service.kill());
    if (target !== 'service' && this.cluster) gone.push(this.cluster.kill({ withBackends }));
    await Promise.all(gone);
    if (target !== 'service') await this.cluster?.restart();
    if (this.service.isRunning) await this.service.ready();
    else if (this.cluster) await this.#untilBackendsAreGone();
  }

  /**
   * Shows all of the database as it is at one moment. On the embedded engine the service must not run.
   */
  async inspect<T>(look: (query: Query) => Promise<T>): Promise<T> {
    if (!this.cluster) return this.#inspectFolder(look);
    return this.#connected(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      return look(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows);
    });
  }

  async close(): Promise<void> {
    await this.#service?.kill();
    await this.provider.close();
    await this.cluster?.stop();
    if (this.folder) rmSync(this.folder, { recursive: true });
  }

  get #dataDir(): string {
    return join(this.folder ?? '', 'data');
  }

  async #inspectFolder<T>(look: (query: Query) => Promise<T>): Promise<T> {
    const pglite = await PGlite.create({ dataDir: join(this.#dataDir, 'pgdata'), extensions: { vector } });
    try {
      return await look(async (sql) => (await pglite.query<Record<string, unknown>>(sql)).rows);
    } finally {
      await pglite.close();
    }
  }

  /** A backend commits what it is at before it notices that its client is gone. */
  async #untilBackendsAreGone(): Promise<void> {
    await this.#connected(async (client) => {
      const left = `SELECT 1 FROM pg_stat_activity WHERE application_name = '${SERVICE}'`;
      while ((await client.query(left)).rows.length > 0) await sleep(5);
    });
  }

  async #connected<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client(this.cluster?.url);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
}
