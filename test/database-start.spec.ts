import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { TcpProxy } from './support/tcp-proxy.js';

/** Longer than any test: whoever waits for so long fails by its own deadline. */
const FOR_EVER = 600_000;
const NOBODY = 'postgres://nobody@127.0.0.1:1/none';

const open = (url: string, waitMs: number): Promise<Database> =>
  Database.open({
    options: checkOptions({ database: { url } }),
    entities: [],
    tenantOfCaller: () => undefined,
    waitMs,
  });

/** A server that says of itself that it is starting, for ever. */
async function startingServer(): Promise<{ server: Server; url: string; greeted: () => number }> {
  let greeted = 0;
  const fields = 'SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0';
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      greeted += 1;
      socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `postgres://me@127.0.0.1:${port}/one`, greeted: () => greeted };
}

describe('a service whose database is not there', () => {
  it('waits, and then says for how long it did and what to look at', async () => {
    await expect(open(NOBODY, 600)).rejects.toThrow(
      /cannot be opened: .*ECONNREFUSED.*Check DATABASE_URL.*waited for 0\.6 s \(DATABASE_START_TIMEOUT_MS\)/,
    );
  });

  it('does not wait when it is told not to, as commands are', async () => {
    const error: unknown = await open(NOBODY, 0).catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/cannot be opened/);
    expect(String(error)).not.toMatch(/waited/);
  });

  it('tries again while the server is starting', async () => {
    const { server, url, greeted } = await startingServer();
    try {
      await expect(open(url, 3_000)).rejects.toThrow(/starting up.*waited for 3 s/);
      expect(greeted()).toBeGreaterThan(1);
    } finally {
      server.close();
    }
  });

  it('exits as a process with the message and the status of an absent database', async () => {
    const child = spawn(process.execPath, [resolve('dist/src/main.js')], {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: NOBODY, DATABASE_START_TIMEOUT_MS: '500' },
    });
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const [status] = (await once(child, 'exit')) as [number];
    expect([status, said]).toEqual([
      5,
      expect.stringMatching(/^The database cannot be opened: .*waited for 0\.5 s/),
    ]);
  });
});

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)('a service that waits for PostgreSQL', () => {
  let home: TestDatabase | undefined;
  let proxy: TcpProxy | undefined;
  afterEach(async () => {
    await proxy?.close();
    await home?.drop();
    proxy = home = undefined;
  });

  it('starts when it comes', async () => {
    home = await postgres();
    proxy = await TcpProxy.start(home.settings.url ?? '');
    await proxy.become({ kind: 'refuse' });
    const opening = open(proxy.urlOf(home.settings.url ?? ''), FOR_EVER);
    const first = await Promise.race([opening, new Promise((passed) => setTimeout(passed, 500, 'waiting'))]);
    expect(first).toBe('waiting');
    await proxy.become({ kind: 'pass' });
    const database = await opening;
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.close();
  });

  it('says at once what waiting does not change', async () => {
    home = await postgres({ empty: true });
    const url = new URL(home.settings.url ?? '');
    await expect(open(url.href, FOR_EVER)).rejects.toThrow(/CREATE EXTENSION vector/);
    const other = new URL(url);
    other.pathname = 'there_is_no_such_database';
    await expect(open(other.href, FOR_EVER)).rejects.toThrow(
      /cannot be opened.*there_is_no_such_database.*not exist/,
    );
    other.href = url.href;
    other.username = 'there_is_no_such_role';
    await expect(open(other.href, FOR_EVER)).rejects.toThrow(/cannot be opened.*there_is_no_such_role/);
    other.href = url.href;
    other.searchParams.set('sslmode', 'require');
    await expect(open(other.href, FOR_EVER)).rejects.toThrow(/cannot be opened.*SSL/);
    const client = new pg.Client(url.href);
    await client.connect();
    await client.query('CREATE EXTENSION vector');
    await client.end();
    await expect(open(url.href, FOR_EVER)).rejects.toThrow(/`triptych migrate run`/);
  });
});
