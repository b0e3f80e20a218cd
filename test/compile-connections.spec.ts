import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { CompiledContext } from '../src/context/context-manager.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { closedGate } from './support/gate.js';
import { TestService } from './support/service.js';

/** Of which searches may take two. */
const CONNECTIONS = 4;
const COMPILES = 6;

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)('the searches of compiles · postgres', () => {
  let home: TestDatabase;
  let provider: EmbeddingsServer;
  let service: TestService;
  /** Nothing is late here, however busy the machine is: a request that is tried again would be counted twice. */
  let patient: TestService;
  /** One holds locks, and the other looks: of what goes on a transaction sees the same from its beginning to its end. */
  let operator: pg.Client;
  let watcher: pg.Client;

  beforeAll(async () => {
    home = await postgres();
    provider = await EmbeddingsServer.start({ dimensions: 64 });
    const started = (deadlineMs: number): Promise<TestService> =>
      TestService.start(
        { ...home, settings: { ...home.settings, poolSize: CONNECTIONS } },
        {
          embeddings: {
            provider: 'openai',
            baseUrl: provider.url,
            model: 'any',
            dimensions: 64,
            timeoutMs: deadlineMs,
          },
          recall: { timeoutMs: deadlineMs },
          limits: { rate: 0, concurrency: 0 },
        },
      );
    service = await started(5_000);
    patient = await started(120_000);
    operator = new pg.Client(home.settings.url);
    watcher = new pg.Client(home.settings.url);
    await Promise.all([operator.connect(), watcher.connect()]);
    const acme = service.as('acme');
    const messages = [{ role: 'user', content: 'The kayak is green.' }];
    expect((await acme.post('/v1/sessions/t/messages', { messages })).status).toBe(201);
    const memory = { agentId: 'a', content: 'The kayak is green.' };
    expect((await acme.post('/v1/memories', memory)).status).toBe(201);
  });
  afterAll(async () => {
    await Promise.all([operator.end(), watcher.end()]);
    await Promise.all([service.stop(), patient.stop()]);
    await provider.close();
    await home.drop();
  });

  const compiles = (recallScope: string, of = service): Promise<CompiledContext[]> =>
    Promise.all(
      Array.from({ length: COMPILES }, async () => {
        const task = { description: 'Which colour has the kayak?' };
        const request = { threadId: 't', systemPrompt: '', task, recallScope };
        return (await of.as('acme').post('/v1/context/compile', request)).body;
      }),
    );
  const waiting = async (): Promise<number> => {
    const { rows } = await watcher.query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows[0]?.waiting ?? NaN;
  };

  // Comes first: a search whose compile went on without it asks the provider still, once its locks are free.
  it('take none while they wait for the provider', async () => {
    const gate = closedGate();
    provider.fail({ until: gate.opened });
    const compiled = compiles('memories', patient);
    let most = 0;
    const end = Date.now() + 20_000;
    while (most < COMPILES && Date.now() < end) {
      most = Math.max(most, provider.open);
      await sleep(10);
    }
    gate.open();
    provider.heal();
    for (const { degraded } of await compiled) expect(degraded).toEqual([]);
    expect(most).toBe(COMPILES);
  });

  // What is locked first is what both channels of a search read at the same time, and then what is read before it.
  it.each([
    ['memories', 'shared.recall_documents, shared.memory_embeddings'],
    ['both', 'shared.recall_postings, shared.recall_messages'],
  ])('take half of the connections at most, of the scope %s', async (scope, locked) => {
    await operator.query(`BEGIN; LOCK TABLE ${locked}`);
    const compiled = compiles(scope);
    let most = 0;
    const state = { isOver: false };
    void compiled.finally(() => (state.isOver = true));
    try {
      while (!state.isOver) {
        most = Math.max(most, await waiting());
        // Others find a connection meanwhile.
        expect((await service.as('acme').get('/v1/sessions/t/messages')).status).toBe(200);
        await sleep(20);
      }
    } finally {
      await operator.query('ROLLBACK');
    }
    expect(most).toBe(CONNECTIONS / 2);
    for (const { degraded } of await compiled) expect(degraded).toMatchObject([{ code: 'recall_timeout' }]);
  });
});
