import pg from 'pg';
import { UsageError } from '../eval/command-line.js';

/**
 * Creates a database on the server, lends its URL to `work`, and drops it afterwards, well or not.
 * @throws UsageError when the server cannot be reached or creates no database
 */
export async function withScratchDatabase<T>(server: string, work: (url: string) => Promise<T>): Promise<T> {
  const name = `triptych_bench_${process.pid}_${Date.now()}`;
  try {
    await onServer(server, `CREATE DATABASE ${name}`);
  } catch (error) {
    throw new UsageError(
      `No database can be created on the server: ${(error as Error).message}\n` +
        'Check the URL, that PostgreSQL is running (`.ci/postgres start`), and that its user has CREATEDB.',
    );
  }
  const url = new URL(server);
  url.pathname = name;
  // Not WITH (FORCE): the server waits some seconds for connections that are closing, and cutting those off
  // is an error in this process.
  const drop = (): Promise<void> => onServer(server, `DROP DATABASE ${name}`);
  let result: T;
  try {
    result = await work(url.href);
  } catch (error) {
    // Work that failed may have left connections open; what it failed of matters more than the database.
    await drop().catch(() => undefined);
    throw error;
  }
  await drop();
  return result;
}

async function onServer(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}
