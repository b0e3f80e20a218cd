import type { BaseMessage } from '@langchain/core/messages';
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { postgres, type TestDatabase } from '../support/engines.js';
import { PostgresCluster } from '../support/postgres-cluster.js';
import { TestService } from '../support/service.js';
import { ServiceProcess } from '../support/service-process.js';
import { check, History, type FinalRead } from './history.js';
import { append, readWhole } from './recorded-client.js';

const TENANT = 'acme';
const THREADS = ['one', 'two', 'three', 'four'];
const WRITERS = 16;
/** Of each append; a crash must leave all of them or none. */
const MESSAGES = 3;
/** A writer that got no answer tries again after this long. */
const PAUSE_MS = 50;
const server = process.env['TEST_DATABASE_URL'];
const canKillPostgres = server !== undefined && PostgresCluster.isPossible;
if (server && !canKillPostgres)
  process.stdout.write('Crashes of PostgreSQL: skipped, since PostgreSQL 15 or /proc is missing here.\n');

/** A service whose settings stay the same over its lives. */
class CrashTest {
  readonly history = new History();
  service: ServiceProcess | undefined;
  #counter = 0;

  constructor(private readonly environment: Record<string, string>) {}

  async start(): Promise<ServiceProcess> {
    this.service = await ServiceProcess.start(this.environment);
    return this.service;
  }

  /**
   * Keeps 16 appends under way; when so many of them were acknowledged calls `strike`, and goes on until
   * that is over or the service is gone.
   */
  async strikeUnderLoad(
    service: ServiceProcess,
    acknowledgements: number,
    strike: () => Promise<void>,
  ): Promise<void> {
    let acknowledged = 0;
    let struck: Promise<void> | undefined;
    let isOver = false;
    const write = async (writer: number): Promise<void> => {
      for (let turn = writer; !isOver && service.isRunning; turn += 1) {
        const contents = Array.from({ length: MESSAGES }, () => `message ${(this.#counter += 1)}`);
        const thread = THREADS[turn % THREADS.length] ?? '';
        const answer = await append(this.history, service, TENANT, thread, contents);
        if (answer === 'acknowledged') acknowledged += 1;
        else await sleep(PAUSE_MS);
        if (acknowledged >= acknowledgements)
          struck ??= strike().finally(() => {
            isOver = true;
          });
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    await struck;
  }

  /**
   * Everything that was ever acknowledged is there, whole, once and in order, and the counts agree.
   * A thread none of whose appends got through is no session.
   */
  async verify(service: ServiceProcess): Promise<FinalRead[]> {
    const reads: FinalRead[] = [];
    for (const thread of THREADS) reads.push(await readWhole(service, TENANT, thread));
    expect(check(this.history.appends, reads)).toEqual([]);
    const { body } = await service.send(TENANT, 'GET', '/v1/sessions');
    const { sessions } = body as { sessions: { threadId: string; messageCount: number }[] };
    expect(
      Object.fromEntries(sessions.map(({ threadId, messageCount }) => [threadId, messageCount])),
    ).toEqual(
      Object.fromEntries(
        reads
          .filter(({ messages }) => messages.length > 0)
          .map(({ thread, messages }) => [thread, messages.length]),
      ),
    );
    return reads;
  }

  /** The kills came while appends were under way: some were acknowledged, and some never answered. */
  report(name: string): void {
    const [acknowledged, silent] = [this.history.count('acknowledged'), this.history.count(undefined)];
    process.stdout.write(
      `Crashes, ${name}: ${acknowledged} acknowledged and kept, ${silent} without answer\n`,
    );
    expect(silent).toBeGreaterThan(0);
    expect(this.history.count('refused')).toBe(0);
  }
}

/** What a graph would begin with is what REST reads: no crash came between the two. */
async function expectSameForGraphs(
  settings: TestDatabase['settings'],
  reads: readonly FinalRead[],
): Promise<void> {
  const engine = settings.url ? 'postgres' : 'embedded';
  const { app } = await TestService.start({ engine, settings, drop: () => Promise.resolve() });
  try {
    for (const { thread, messages } of reads) {
      const tuple = await app
        .get(TenantContext)
        .run(TENANT, () =>
          app.get(SessionStore).checkpointer.getTuple({ configurable: { thread_id: thread } }),
        );
      const seen = (tuple?.checkpoint.channel_values['messages'] ?? []) as BaseMessage[];
      expect(seen.map(({ content }) => content)).toEqual(messages.map(({ content }) => content));
    }
  } finally {
    await app.close();
  }
}

describe('after kill -9', () => {
  let crash: CrashTest;
  const cleanUp: (() => unknown)[] = [];

  afterEach(async () => {
    await crash.service?.kill();
    for (const step of cleanUp.splice(0).reverse()) await step();
  });

  /** Kills the service five times, each time after another number of acknowledgements. */
  async function killServiceFiveTimes(name: string, settings: TestDatabase['settings']): Promise<void> {
    let reads: FinalRead[] = [];
    let service = await crash.start();
    for (let round = 1; round <= 5; round += 1) {
      const killed = service;
      await crash.strikeUnderLoad(killed, 10 + 13 * round, () => killed.kill());
      service = await crash.start();
      reads = await crash.verify(service);
    }
    await service.stop();
    crash.report(name);
    await expectSameForGraphs(settings, reads);
  }

  it('of the service on the embedded engine, five times, nothing acknowledged is lost or half there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-crash-'));
    cleanUp.push(() => {
      rmSync(folder, { recursive: true });
    });
    const dataDir = join(folder, 'data');
    crash = new CrashTest({ DATA_DIR: dataDir });
    await killServiceFiveTimes('5 kills of the service, embedded', { dataDir });
  }, 300_000);

  (server ? it : it.skip)(
    'of the service on PostgreSQL, five times, nothing acknowledged is lost or half there',
    async () => {
      const database = await postgres({ empty: true });
      cleanUp.push(() => database.drop());
      crash = new CrashTest({ DATABASE_URL: database.settings.url ?? '', MIGRATE_ON_START: 'true' });
      await killServiceFiveTimes('5 kills of the service, PostgreSQL', database.settings);
    },
    300_000,
  );

  (canKillPostgres ? it : it.skip)(
    'of PostgreSQL, ten times, nothing acknowledged is lost or half there, and the service lives on',
    async () => {
      const cluster = await PostgresCluster.start();
      cleanUp.push(() => cluster.stop());
      crash = new CrashTest({ DATABASE_URL: cluster.url, MIGRATE_ON_START: 'true' });
      const service = await crash.start();
      let reads: FinalRead[] = [];
      for (let round = 1; round <= 10; round += 1) {
        await crash.strikeUnderLoad(service, 20 + 13 * round, async () => {
          await cluster.kill({ withBackends: round % 2 === 0 });
          await cluster.restart();
          await service.ready();
        });
        expect(service.isRunning).toBe(true);
        reads = await crash.verify(service);
      }
      crash.report('10 kills of PostgreSQL');
      await service.stop();
      await expectSameForGraphs({ url: cluster.url }, reads);
    },
    300_000,
  );
});
