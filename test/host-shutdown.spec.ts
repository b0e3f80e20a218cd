import { afterEach, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { postgres, type TestDatabase } from './support/engines.js';

const run = promisify(execFile);
const TRIPTYCH = pathToFileURL(resolve('dist/src/index.js')).href;

/**
 * An application with a pool and a data source of its own on the same database. It never calls `process.exit`, so
 * it ends only if nothing of the module is left.
 */
const HOST = `
  import 'reflect-metadata';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { NestFactory } from '@nestjs/core';
  import { Module } from '@nestjs/common';
  import pg from 'pg';
  import { DataSource } from 'typeorm';
  import { ContextManager, ContextModule, TenantContext } from '${TRIPTYCH}';

  const url = process.env.URL_OF_HOST;
  const pool = new pg.Pool({ connectionString: url });
  const source = await new DataSource({ type: 'postgres', url }).initialize();
  const mine = async () => [
    (await pool.query("SELECT 'pool' AS of")).rows[0].of,
    (await source.query("SELECT 'source' AS of"))[0].of,
    (await pool.query("SELECT current_user <> 'triptych_app' AS mine")).rows[0].mine,
  ];
  class Host {}
  Module({ imports: [ContextModule.forRoot({ database: { url, poolSize: 3 }, log: { level: 'silent' } })] })(Host);
  const app = await NestFactory.createApplicationContext(Host, { logger: false });
  const context = app.get(ContextManager);
  await app.get(TenantContext).run('acme', async () => {
    await context.session.appendMessages('t', [{ role: 'user', content: 'hello' }]);
    await context.storeMemory({ agentId: 'a', content: 'a fact' });
    await context.compileWorkingContext({ threadId: 't', systemPrompt: 's', task: { description: 'a fact' } });
  });
  const during = await mine();
  await app.close();
  const after = await mine();
  const own = [...(await pool.query('SELECT pg_backend_pid() AS pid')).rows, ...(await source.query('SELECT pg_backend_pid() AS pid'))];
  const connections = async () => (await pool.query(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL ($1)",
    [own.map(({ pid }) => pid)],
  )).rows[0].count;
  // A server process ends a moment after it was told goodbye; one of a pool that was forgotten, after 10 s.
  let left = await connections();
  for (const end = Date.now() + 5_000; left > 0 && Date.now() < end; left = await connections()) await sleep(50);
  console.log(JSON.stringify({ during, after, left }));
  await source.destroy();
  await pool.end();
`;

let database: TestDatabase | undefined;
afterEach(() => database?.drop());

(process.env['TEST_DATABASE_URL'] ? it : it.skip)(
  'a host application keeps its own connections when the module is closed, and ends by itself',
  async () => {
    database = await postgres();
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', HOST], {
      env: { PATH: process.env['PATH'] ?? '', URL_OF_HOST: database.settings.url ?? '' },
      timeout: 100_000,
    });
    const own = ['pool', 'source', true];
    expect(JSON.parse(stdout)).toEqual({ during: own, after: own, left: 0 });
  },
);
