import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SCRIPT = resolve('.ci/postgres');
const PG_CTL = '/usr/lib/postgresql/15/bin/pg_ctl';
const RESTART_WITHIN_MS = 60_000;

/** A PostgreSQL server of the test's own, with PostgreSQL's durable defaults, that can be killed. */
export class PostgresCluster {
  private constructor(
    readonly url: string,
    /** Where it lives. */
    readonly folder: string,
  ) {}

  /** Whether a server can be started here: it is installed, and `/proc` tells what is a part of it. */
  static get isPossible(): boolean {
    return existsSync(PG_CTL) && existsSync('/proc/self/stat');
  }

  static async start(): Promise<PostgresCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-cluster-'));
    const { stdout } = await run(SCRIPT, ['start', folder], {
      env: { ...process.env, TRIPTYCH_PG_FSYNC: 'on' },
    });
    return new PostgresCluster(stdout.trim(), folder);
  }

  /**
   * `kill -9` of the postmaster. Its backends end by themselves when they notice, some after the commit
   * they are at; `withBackends` kills them in the same moment, so that nothing is finished any more.
   */
  async kill({ withBackends }: { withBackends: boolean }): Promise<void> {
    const [first = ''] = readFileSync(join(this.folder, 'data/postmaster.pid'), 'utf8').split('\n');
    const postmaster = Number(first);
    const all = [postmaster, ...childrenOf(postmaster)];
    for (const pid of withBackends ? all : [postmaster]) kill(pid);
    while (all.some(isRunning)) await sleep(5);
  }

  /** Starts the server again on its port and data; it recovers from its log first. */
  async restart(): Promise<void> {
    const data = join(this.folder, 'data');
    // The server refuses to run as root; its files say as whom it does run.
    const { uid, gid } = statSync(data);
    const options = { uid, gid, cwd: '/', env: { PATH: process.env['PATH'] ?? '' } };
    const end = Date.now() + RESTART_WITHIN_MS;
    for (;;) {
      try {
        await run(PG_CTL, ['-D', data, '-l', join(this.folder, 'log'), '-w', '-s', 'start'], options);
        return;
      } catch (error) {
        // The shared memory of the one before may not have been given back yet.
        if (Date.now() > end) throw error;
        await sleep(50);
      }
    }
  }

  async stop(): Promise<void> {
    await run(SCRIPT, ['stop', this.folder]);
    if (existsSync(this.folder)) rmdirSync(this.folder);
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)?.parent === parent);
}

/** A zombie has ended; whoever inherited it has not noticed yet. */
function isRunning(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== 'Z';
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
