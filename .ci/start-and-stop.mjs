// Starts the built service on each engine as a user would, asks it for readiness, ends it by SIGTERM, and
// prints how long each start took.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

const DEADLINE_MS = 60_000;
const server = process.env.TEST_DATABASE_URL;
const folder = mkdtempSync(join(tmpdir(), 'triptych-start-'));
const database = `triptych_start_${process.pid}`;

async function onServer(sql) {
  const client = new pg.Client(server);
  await client.connect();
  await client.query(sql);
  await client.end();
}

async function startAndStop(name, port, environment) {
  const began = performance.now();
  const service = spawn(process.execPath, ['dist/src/main.js'], {
    env: { ...process.env, PORT: String(port), LOG_LEVEL: 'warn', ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(service, 'exit');
  const ready = async () => {
    try {
      return (await fetch(`http://127.0.0.1:${port}/health/ready`)).status === 200;
    } catch {
      return false;
    }
  };
  while (!(await ready())) {
    if (service.exitCode !== null) throw new Error(`${name}: the service ended with ${service.exitCode}`);
    if (performance.now() - began > DEADLINE_MS) {
      service.kill('SIGKILL');
      throw new Error(`${name}: not ready within ${DEADLINE_MS} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(`${name}: ready after ${Math.round(performance.now() - began)} ms`);
  service.kill('SIGTERM');
  const [code, signal] = await ended;
  if (code !== 0 && signal !== 'SIGTERM')
    throw new Error(`${name}: ended with code ${code}, signal ${signal}`);
}

try {
  const embedded = { DATABASE_URL: '', DATA_DIR: join(folder, 'data') };
  await startAndStop('embedded, empty folder', 3171, embedded);
  await startAndStop('embedded, existing folder', 3171, embedded);
  if (server) {
    await onServer(`CREATE DATABASE ${database}`);
    const url = new URL(server);
    url.pathname = database;
    const external = { DATABASE_URL: url.href, MIGRATE_ON_START: 'true' };
    await startAndStop('PostgreSQL, empty database', 3172, external);
    await startAndStop('PostgreSQL, migrated database', 3172, external);
    await onServer(`DROP DATABASE ${database}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
