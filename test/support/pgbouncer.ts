import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.js';

const BINARY = '/usr/sbin/pgbouncer';
/** Debian's server package makes this user; PgBouncer does not run as root. */
const USER = 'postgres';
const START_WITHIN_MS = 60_000;
const ATTEMPTS = 3;

/** A PgBouncer of this test's own, in transaction mode, in front of one PostgreSQL. */
export class PgBouncer {
  static readonly isInstalled = existsSync(BINARY);

  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    private readonly target: URL,
    private readonly port: number,
  ) {}

  /** @param poolSize connections to the server that all of its clients share, for each database */
  static async start(server: string, poolSize: number): Promise<PgBouncer> {
    for (let attempt = 1; ; attempt += 1) {
      const { bouncer, log } = await PgBouncer.#launch(server, poolSize);
      if (await bouncer.#isThere(server)) return bouncer;
      await bouncer.stop();
      // Somebody else may have taken the port meanwhile.
      if (attempt === ATTEMPTS) throw new Error(`PgBouncer did not start:\n${log()}`);
    }
  }

  static async #launch(server: string, poolSize: number): Promise<{ bouncer: PgBouncer; log: () => string }> {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-pgbouncer-'));
    chmodSync(folder, 0o755);
    const target = new URL(server);
    const port = await freePort();
    writeFileSync(
      join(folder, 'pgbouncer.ini'),
      [
        '[databases]',
        `* = host=${target.hostname} port=${target.port || '5432'} user=${target.username}` +
          (target.password ? ` password=${decodeURIComponent(target.password)}` : ''),
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'auth_type = any',
        'pool_mode = transaction',
        `default_pool_size = ${poolSize}`,
        'max_client_conn = 100',
      ].join('\n'),
    );
    const asRoot = process.getuid?.() === 0;
    const child = spawn(BINARY, [...(asRoot ? ['-u', USER] : []), join(folder, 'pgbouncer.ini')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    return { bouncer: new PgBouncer(child, folder, target, port), log: () => log };
  }

  async #isThere(server: string): Promise<boolean> {
    for (const end = Date.now() + START_WITHIN_MS; Date.now() < end && this.process.exitCode === null;) {
      const client = new pg.Client(this.urlOf(server));
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.end();
        return true;
      } catch {
        await sleep(50);
      }
    }
    return false;
  }

  /** The same database through the bouncer. */
  urlOf(database: string): string {
    const url = new URL(database);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    url.username = this.target.username;
    url.password = '';
    return url.href;
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      this.process.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
