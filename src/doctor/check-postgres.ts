import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import pg from 'pg';
import type { TriptychOptions } from '../config/options.js';
import { checkDatabase } from './check-database.js';
import { connectionFailure } from './connection-failure.js';
import { failed, failure, ok, type Finding, type Result } from './finding.js';
import { withoutPassword } from './secrets.js';

const REACH_MS = 5_000;
const CONNECT_MS = 10_000;
/** One statement of a check, on a server that may be busy. */
const STATEMENT_MS = 20_000;

/** Where the driver found the server in a connection string. */
interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** An external database, step by step; the first step that fails says what to do, and the others are not tried. */
export async function* checkPostgres(options: TriptychOptions): AsyncGenerator<Finding, void> {
  const url = options.database.url ?? '';
  let client: pg.Client;
  try {
    client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: STATEMENT_MS,
      application_name: 'triptych doctor',
    });
  } catch (error) {
    yield { name: 'database', ...failure(error, 'Correct DATABASE_URL.') };
    return;
  }
  // An error of a connection that nothing waits for is that of the next statement, too.
  client.on('error', () => undefined);
  const target = client as unknown as Target;
  const unreachable = await reach(target);
  if (unreachable) {
    yield { name: 'database', ...unreachable };
    return;
  }
  const began = performance.now();
  try {
    await client.connect();
  } catch (error) {
    yield { name: 'database', ...connectionFailure(error, target) };
    return;
  }
  try {
    const ms = Math.round(performance.now() - began);
    const { encrypted = false } = ((client as unknown as { connection?: { stream?: object } }).connection
      ?.stream ?? {}) as { encrypted?: boolean };
    const tls = encrypted ? 'with TLS' : 'without TLS';
    yield { name: 'database', ...ok(`${withoutPassword(url)} lets us in, in ${ms} ms, ${tls}`) };
    yield* checkDatabase(
      options,
      async (sql, parameters = []) => (await client.query(sql, parameters)).rows as never,
      {
        greeting: (client as unknown as { processID: number | null }).processID ?? undefined,
      },
    );
  } finally {
    // A server that went silent does not say goodbye.
    await Promise.race([
      client.end().catch(() => undefined),
      new Promise((done) => setTimeout(done, 1_000).unref()),
    ]);
  }
}

/** The name, and then the port, of a server; nothing when somebody listens there, or it is a socket of this machine. */
async function reach({ host, port }: Target): Promise<Result | undefined> {
  if (host.startsWith('/')) return undefined;
  if (isIP(host) === 0)
    try {
      await lookup(host);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      return failed(
        `the name ${host} is not known (${code})`,
        'Correct the host in DATABASE_URL, or the DNS.',
      );
    }
  const code = await connectTo(host, port);
  if (code === undefined) return undefined;
  return code === 'ECONNREFUSED'
    ? failed(
        `nobody listens on ${host}:${port}`,
        'Start PostgreSQL, or correct the host and port in DATABASE_URL.',
      )
    : failed(
        `${host}:${port} cannot be reached (${code})`,
        'Let this machine through the firewall, or correct the host and port in DATABASE_URL.',
      );
}

/** @returns why not; nothing when it worked */
function connectTo(host: string, port: number): Promise<string | undefined> {
  const socket = connect({ host, port, timeout: REACH_MS });
  return new Promise((resolve) => {
    const end = (code?: string): void => {
      socket.destroy();
      resolve(code);
    };
    socket.once('connect', () => {
      end();
    });
    socket.once('timeout', () => {
      end(`no answer within ${REACH_MS} ms`);
    });
    socket.once('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => {
      end(code);
    });
  });
}
