import pg from 'pg';
import { UsageError } from './suite.js';

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
  try {
    const url = new URL(server);
    url.pathname = name;
    return await work(url.href);
  } finally {
    // Not WITH (FORCE): the server waits some seconds for connections that are closing, and cutting those off
    // is an error in this process.
    await onServer(server, `DROP DATABASE ${name}`);
  }
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
