import pg from 'pg';
import type { DataSourceOptions } from 'typeorm';
import type { TriptychOptions } from '../config/options.js';
import type { Meter } from '../telemetry/meter.js';
import { columnTypes } from './column-types.js';
import { ConnectionPool, type TenantOfCaller } from './connection-pool.js';
import type { EmbeddedEngine } from './embedded-engine.js';
import { migrations } from './migrations.js';
import { PGliteClient } from './pglite-client.js';
import { SessionClient } from './session-client.js';

type Entities = NonNullable<DataSourceOptions['entities']>;
type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** Owns nothing, is no superuser and bypasses no policy; made by a migration. */
export const RUNTIME_ROLE = 'triptych_app';

/** Sees of which tenants something waits in the background, four columns of one table; made by a migration. */
export const WORKER_ROLE = 'triptych_worker';

/** To connect, where no setting says how long to wait, in milliseconds. */
export const CONNECT_MS = 10_000;
/** After so long without a word on a connection the kernel asks whether the other end is there, in milliseconds. */
export const KEEP_ALIVE_MS = 10_000;

export interface DataSourceSetup {
  options: TriptychOptions;
  entities: Entities;
  /** Absent: the external database of `DATABASE_URL`. */
  embedded?: EmbeddedEngine | undefined;
  /** Given: transactions run for that tenant, as the runtime role. Absent: as the owner, to migrate. */
  tenantOfCaller?: TenantOfCaller;
  /** Connections to an external database, instead of the setting. */
  connections?: number;
  meter?: Meter | undefined;
}

/** The one set of TypeORM options, for the service, for migrations and for the CLI, on either engine. */
export function dataSourceOptions({
  options,
  entities,
  embedded,
  tenantOfCaller,
  connections = options.database.poolSize,
  meter,
}: DataSourceSetup): PostgresOptions {
  const connection = embedded
    ? { Client: PGliteClient, pglite: embedded.pglite, min: 1, idleTimeoutMillis: 0 }
    : {
        Client: SessionClient,
        connectionString: options.database.url,
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      };
  const { poolWaitMs, statementTimeoutMs, lockTimeoutMs, idleTransactionTimeoutMs } = options.database;
  const limits = { statementTimeoutMs, lockTimeoutMs, idleTransactionTimeoutMs };
  return {
    type: 'postgres',
    schema: 'shared',
    entities,
    migrations,
    migrationsTransactionMode: 'each',
    synchronize: false,
    installExtensions: false,
    uuidExtension: 'pgcrypto',
    applicationName: 'triptych',
    poolSize: embedded ? 1 : connections,
    driver: tenantOfCaller ? { ...pg, Pool: ConnectionPool } : pg,
    extra: {
      ...connection,
      ...(tenantOfCaller && { tenantOfCaller, role: RUNTIME_ROLE, pipeline: !embedded, meter }),
      ...(tenantOfCaller && !embedded && { limits }),
      // The embedded engine works off its line, however long it is. Migrations wait for their turn elsewhere.
      connectionTimeoutMillis: tenantOfCaller && !embedded ? poolWaitMs : CONNECT_MS,
      types: columnTypes,
      embeddingDimensions: options.embeddings.dimensions,
    },
  };
}
