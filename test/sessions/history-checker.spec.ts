import { HumanMessage, type BaseMessage } from '@langchain/core/messages';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import { copyCheckpoint, emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { postgres } from '../support/engines.js';
import { ServiceProcess } from '../support/service-process.js';
import { check, countKinds, History, type FinalRead } from './history.js';
import { append, readWhole, runBounded } from './recorded-client.js';

const THREADS = Array.from({ length: 50 }, (_, index) => `thread-${index}`);
const APPENDERS = 50;
const IN_FLIGHT = 32;
/** Threads that are written to at the same time, so that about 8 appends of each process meet on one. */
const AT_ONCE = 4;

const services: ServiceProcess[] = [];
const cleanUp: (() => unknown)[] = [];

async function start(environment: Record<string, string>): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(environment);
  services.push(service);
  return service;
}

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/**
 * 50 appenders on each of 50 threads. Each appends one message or two through every process in turn, the
 * next only when the one before was acknowledged: so time forbids some orders, also between processes.
 */
async function appendFromEverywhere(history: History, processes: readonly ServiceProcess[]): Promise<void> {
  const tasks: (() => Promise<unknown>)[] = [];
  for (let block = 0; block < THREADS.length; block += AT_ONCE)
    for (let appender = 0; appender < APPENDERS; appender += 1)
      for (const thread of THREADS.slice(block, block + AT_ONCE))
        tasks.push(async () => {
          for (let turn = 0; turn < processes.length; turn += 1) {
            const service = processes[(appender + turn) % processes.length] as ServiceProcess;
            const count = 1 + ((appender + turn) % 2);
            const contents = Array.from({ length: count }, (_, n) => `${thread} ${appender} ${turn} ${n}`);
            await append(history, service, 'acme', thread, contents);
          }
        });
  await runBounded(IN_FLIGHT * processes.length, tasks);
}

async function checkService(name: string, processes: readonly ServiceProcess[]): Promise<void> {
  const history = new History();
  await appendFromEverywhere(history, processes);
  const reads: FinalRead[] = [];
  // Each thread through a process of its own choice: what one wrote, the other reads.
  for (const [index, thread] of THREADS.entries())
    reads.push(await readWhole(processes[index % processes.length] as ServiceProcess, 'acme', thread));
  const anomalies = check(history.appends, reads);
  report(name, history, countKinds(anomalies));
  expect(history.count('acknowledged')).toBe(THREADS.length * APPENDERS * processes.length);
  expect(anomalies).toEqual([]);
}

function report(name: string, history: History, kinds: object): void {
  const messages = history.appends.reduce((sum, { contents }) => sum + contents.length, 0);
  process.stdout.write(
    `History checker, ${name}: ${history.appends.length} appends of ${messages} messages, ` +
      `${history.count('acknowledged')} acknowledged; anomalies: ${JSON.stringify(kinds)}\n`,
  );
}

/** Appends as whoever uses the stock saver must: reads the thread, and writes it again with one message more. */
async function readModifyWrite(saver: PostgresSaver, history: History, thread: string, content: string) {
  const noted = history.invoke(thread, [content]);
  const config = { configurable: { thread_id: thread, checkpoint_ns: '' } };
  const head = await saver.getTuple(config);
  const base = head ? copyCheckpoint(head.checkpoint) : emptyCheckpoint();
  const messages = [...messagesOf(base.channel_values), new HumanMessage(content)];
  const version = Number(base.channel_versions['messages'] ?? 0) + 1;
  await saver.put(
    head?.config ?? config,
    {
      ...base,
      id: uuid6(messages.length),
      channel_values: { messages },
      channel_versions: { messages: version },
    },
    { source: 'update', step: messages.length, parents: {} },
    { messages: version },
  );
  noted.acknowledge({ version: messages.length, seqs: [messages.length] });
}

function messagesOf(values: Record<string, unknown>): BaseMessage[] {
  return (values['messages'] ?? []) as BaseMessage[];
}

describe('the history of many appenders · embedded', () => {
  it('has no append lost, doubled or reordered, in one process', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-history-'));
    cleanUp.push(() => {
      rmSync(folder, { recursive: true });
    });
    await checkService('one process, embedded', [await start({ DATA_DIR: join(folder, 'data') })]);
  });
});

if (process.env['TEST_DATABASE_URL'])
  describe('the history of many appenders · postgres', () => {
    it('has most appends lost when they go through the stock saver', async () => {
      const database = await postgres({ empty: true });
      const pool = new pg.Pool({ connectionString: database.settings.url });
      // It calls itself ended before its connections are, and the database that is dropped then ends them.
      pool.on('error', () => undefined);
      const saver = new PostgresSaver(pool);
      cleanUp.push(
        () => database.drop(),
        () => saver.end(),
      );
      await saver.setup();
      const history = new History();
      const threads = THREADS.slice(0, 5);
      await Promise.all(
        threads.flatMap((thread) =>
          Array.from({ length: 20 }, (_, index) =>
            readModifyWrite(saver, history, thread, `${thread} ${index}`),
          ),
        ),
      );
      const reads: FinalRead[] = [];
      for (const thread of threads) {
        const tuple = await saver.getTuple({ configurable: { thread_id: thread } });
        const messages = messagesOf(tuple?.checkpoint.channel_values ?? {});
        reads.push({
          thread,
          version: messages.length,
          messages: messages.map(({ content }, index) => ({ seq: index + 1, content: content as string })),
        });
      }
      const kinds = countKinds(check(history.appends, reads));
      report('stock PostgresSaver', history, kinds);
      const kept = reads.reduce((sum, { messages }) => sum + messages.length, 0);
      expect(history.count('acknowledged')).toBe(100);
      expect(kinds.lost).toBeGreaterThan(0);
      expect(kinds.lost).toBe(100 - kept);
    });

    it('has no append lost, doubled or reordered, in two processes on one database', async () => {
      const database = await postgres({ empty: true });
      cleanUp.push(() => database.drop());
      const environment = { DATABASE_URL: database.settings.url ?? '', MIGRATE_ON_START: 'true' };
      const processes = await Promise.all([start(environment), start(environment)]);
      await checkService('two processes, PostgreSQL', processes);
    });
  });
