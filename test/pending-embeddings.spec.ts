import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../src/database/database.js';
import { EmbeddingBacklog } from '../src/memory/embedding-backlog.js';
import { PendingEmbeddings, type Claim } from '../src/memory/pending-embeddings.js';
import { PendingFigures } from '../src/memory/pending-figures.js';
import { vectorsOf } from '../src/recall/document-vectors.js';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../src/config/options.js';
import { Embedder } from '../src/embeddings/embedder.js';
import { Embedders } from '../src/embeddings/embedders.js';
import { LocalEmbedder } from '../src/embeddings/local-embedder.js';
import { correlation, inRequest } from '../src/telemetry/correlation.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { TestService, type TenantClient } from './support/service.js';
import { asSuperuser } from './support/superuser.js';

const DIMENSIONS = 64;
const SPACE = `some-model/${DIMENSIONS}`;
/** Not a fault that is asked again for a while: it says of no text that it is wrong. */
const AWAY = { status: 401 } as const;

interface Entry {
  memoryId: string;
  content: string;
  revision: number;
  copies: number;
  embeddingStatus: string;
  embeddingFailure?: { reason: string; attempts: number; at: string };
}

/** A service whose embeddings come from a server that can be told to fail, and what its database holds. */
class Home {
  private constructor(
    readonly database: TestDatabase,
    readonly provider: EmbeddingsServer,
    public service: TestService,
  ) {}

  static async open(database: TestDatabase): Promise<Home> {
    const provider = await EmbeddingsServer.start({ dimensions: DIMENSIONS });
    return new Home(database, provider, await Home.serve(database, provider));
  }

  static serve(database: TestDatabase, { url: baseUrl }: EmbeddingsServer): Promise<TestService> {
    const model = 'some-model';
    return TestService.start(database, {
      embeddings: { provider: 'openai', baseUrl, model, dimensions: DIMENSIONS, timeoutMs: 5_000 },
    });
  }

  async close(): Promise<void> {
    await this.service.stop();
    await this.provider.close();
    await this.database.drop();
  }

  get backlog(): EmbeddingBacklog {
    return this.service.app.get(EmbeddingBacklog);
  }

  sql<Row>(text: string): Promise<Row[]> {
    return asSuperuser(this.database, this.service.app.get(Database), text) as Promise<Row[]>;
  }

  /** How many vectors each memory of a tenant has, and what its row in the queue says, in the order of storing. */
  rows(tenant: string): Promise<{ content: string; vectors: number; status: string; queued: boolean }[]> {
    return this.sql(`
      SELECT content, coalesce(embedding_status, 'ready') AS status,
             (SELECT count(*)::int FROM shared.memory_embeddings e
               WHERE e.tenant_id = m.tenant_id AND e.memory_id = m.memory_id) AS vectors,
             EXISTS (SELECT FROM shared.pending_embeddings p
                      WHERE p.tenant_id = m.tenant_id AND p.memory_id = m.memory_id) AS queued
        FROM shared.agent_memories m WHERE tenant_id = '${tenant}' ORDER BY memory_id`);
  }

  /** Nothing of a tenant is on the list any more but what is parked. */
  drained(tenant: string): Promise<void> {
    return eventually(async () => {
      const condition = `tenant_id = '${tenant}' AND parked_at IS NULL`;
      return (await this.sql(`SELECT 1 FROM shared.pending_embeddings WHERE ${condition}`)).length === 0;
    });
  }

  /** All that waits for another attempt has waited for it. */
  async hurry(tenant: string): Promise<void> {
    await this.sql(`UPDATE shared.pending_embeddings SET due_at = now() WHERE tenant_id = '${tenant}'`);
    this.backlog.wake(tenant);
  }
}

/** Of another space, and says when it is asked. */
class RecordingEmbedder extends Embedder {
  readonly model = 'triptych-local-0';
  readonly dimensions = DIMENSIONS;
  readonly #local = new LocalEmbedder(DIMENSIONS);

  constructor(private readonly tell: () => void) {
    super();
  }

  embed(texts: readonly string[]): Promise<number[][]> {
    this.tell();
    return this.#local.embed(texts);
  }
}

const ready = (content: string) => ({ content, vectors: 1, status: 'ready', queued: false });

async function store(client: TenantClient, content: string, more: object = {}): Promise<Entry> {
  const { status, body } = await client.post('/v1/memories', { agentId: 'a', content, ...more });
  expect({ status, body: body }).toMatchObject({ status: 201 });
  return body;
}
async function storeMany(client: TenantClient, contents: readonly string[]): Promise<Entry[]> {
  const memories = contents.map((content) => ({ agentId: 'a', content }));
  const { status, body } = await client.post('/v1/memories/batch', { memories });
  expect(status).toBe(201);
  return (body as { memories: Entry[] }).memories;
}
async function list(client: TenantClient, query: string): Promise<Entry[]> {
  const { body } = await client.get(`/v1/memories?limit=1000&${query}`);
  return (body as { memories: Entry[] }).memories;
}
async function search(client: TenantClient, query: string, mode: string): Promise<string[]> {
  const { status, body } = await client.post('/v1/memories/search', { query, mode });
  expect(status).toBe(200);
  return (body as { results: { memory: Entry }[] }).results.map(({ memory }) => memory.content);
}

describeOnEachEngine('memories stored while the embedding provider fails', (createDatabase) => {
  let home: Home;
  const textsOf = (): string[] => home.provider.requests.flatMap(({ body }) => body.input);

  beforeAll(async () => {
    home = await Home.open(await createDatabase());
  });
  afterEach(() => {
    home.provider.heal();
  });
  afterAll(() => home.close());

  it('are found by their words at once, and by their vectors, once, when it is back', async () => {
    const client = home.service.as('basic');
    const before = home.backlog.counts.finished;
    home.provider.fail(AWAY);
    const stored = await store(client, 'The harbour is closed in winter.');
    expect(stored.embeddingStatus).toBe('pending');
    expect((await client.get(`/v1/memories/${stored.memoryId}`)).body).toEqual(stored);
    expect(await list(client, 'embeddingStatus=pending')).toEqual([stored]);
    expect(await list(client, 'embeddingStatus=ready')).toEqual([]);
    expect(await search(client, 'harbour', 'lexical')).toEqual([stored.content]);
    expect(await home.rows('basic')).toEqual([
      { content: stored.content, vectors: 0, status: 'pending', queued: true },
    ]);

    home.provider.heal();
    await home.drained('basic');
    expect((await client.get(`/v1/memories/${stored.memoryId}`)).body).toEqual({
      ...stored,
      embeddingStatus: 'ready',
    });
    expect(await search(client, 'harbour', 'semantic')).toEqual([stored.content]);
    expect(await home.rows('basic')).toEqual([ready(stored.content)]);
    expect(await list(client, 'embeddingStatus=ready')).toHaveLength(1);
    expect(await list(client, 'embeddingStatus=pending')).toEqual([]);
    expect(home.backlog.counts.finished).toBe(before + 1);
    expect((await client.get('/v1/memories?embeddingStatus=lost')).status).toBe(400);
  });

  it('may be changed, retracted, brought back, said again and deleted meanwhile', async () => {
    const client = home.service.as('changes');
    home.provider.fail({ status: 403 });
    const contents = ['first tea', 'second tea', 'third tea', 'fourth tea', 'fifth tea'];
    const [changed, retracted, back, deleted, said] = await storeMany(client, contents);
    const patch = (entry: Entry | undefined, change: object) =>
      client.patch(`/v1/memories/${entry?.memoryId ?? ''}`, change);
    expect((await patch(changed, { content: 'changed tea' })).body).toMatchObject({
      ...{ revision: 2, embeddingStatus: 'pending' },
    });
    expect((await patch(changed, { metadata: { kind: 'drink' } })).body).toMatchObject({
      ...{ revision: 3, embeddingStatus: 'pending' },
    });
    expect((await patch(retracted, { retracted: true })).body).toMatchObject({ embeddingStatus: 'ready' });
    await patch(back, { retracted: true });
    expect((await patch(back, { retracted: false })).body).toMatchObject({ embeddingStatus: 'pending' });
    expect((await client.delete(`/v1/memories/${deleted?.memoryId ?? ''}`)).status).toBe(204);
    expect(await store(client, 'fifth tea', { deduplicate: true })).toMatchObject({
      ...{ memoryId: said?.memoryId, copies: 2, embeddingStatus: 'pending' },
    });
    const queued = await home.sql(`SELECT 1 FROM shared.pending_embeddings WHERE tenant_id = 'changes'`);
    expect(queued).toHaveLength(3);

    home.provider.heal();
    await home.drained('changes');
    expect(await home.rows('changes')).toEqual([
      ready('changed tea'),
      { ...ready('second tea'), vectors: 0 },
      ready('third tea'),
      ready('fifth tea'),
    ]);
    const { body } = await client.get(`/v1/memories/${changed?.memoryId ?? ''}/history`);
    expect((body as { revisions: Entry[] }).revisions.map(({ content }) => content)).toEqual([
      'changed tea',
      'changed tea',
      'first tea',
    ]);
    const asOf = (body as { revisions: { validFrom: string }[] }).revisions.at(-1)?.validFrom;
    const past = await client.post('/v1/memories/search', { query: 'first tea', asOf });
    expect(
      (past.body as { results: { memory: Entry }[] }).results.map(({ memory }) => memory.content),
    ).toContain('first tea');
    // One that is changed while the provider works is ready, and one that is not changed stays as it is.
    expect((await patch(changed, { content: 'new tea' })).body).toMatchObject({ embeddingStatus: 'ready' });
  });

  it('answer a repeated request as before', async () => {
    home.provider.fail(AWAY);
    const send = () =>
      home.service.send(
        'POST',
        '/v1/memories',
        { agentId: 'a', content: 'said once' },
        { 'x-tenant-id': 'again', 'idempotency-key': 'k1' },
      );
    const first = await send();
    const second = await send();
    expect(second.body).toEqual(first.body);
    expect(first.body).toMatchObject({ embeddingStatus: 'pending' });
    home.provider.heal();
    await home.drained('again');
    expect(await home.rows('again')).toEqual([ready('said once')]);
  });

  it('that change while they are embedded get no vectors of what they were', async () => {
    const client = home.service.as('racing');
    home.provider.fail(AWAY);
    const names = ['changed', 'deleted', 'retracted', 'touched', 'left alone'];
    const [changed, deleted, retracted, touched] = await storeMany(client, names);
    const release = deferred();
    home.provider.fail({ until: release.promise });
    home.provider.requests.length = 0;
    await eventually(() => Promise.resolve(textsOf().includes('left alone')));
    // Only the worker's request waits; the change itself is embedded at once.
    home.provider.heal();
    await client.patch(`/v1/memories/${changed?.memoryId ?? ''}`, { content: 'another' });
    await client.delete(`/v1/memories/${deleted?.memoryId ?? ''}`);
    await client.patch(`/v1/memories/${retracted?.memoryId ?? ''}`, { retracted: true });
    await client.patch(`/v1/memories/${touched?.memoryId ?? ''}`, { metadata: { touched: true } });
    const before = home.backlog.counts.finished;
    release.resolve();
    await home.drained('racing');
    expect(await home.rows('racing')).toEqual([
      ready('another'),
      { ...ready('retracted'), vectors: 0 },
      ready('touched'),
      ready('left alone'),
    ]);
    expect(home.backlog.counts.finished).toBe(before + 2);
    const orphans = await home.sql(`
      SELECT 1 FROM shared.memory_embeddings e WHERE tenant_id = 'racing' AND NOT EXISTS (
        SELECT FROM shared.agent_memories m WHERE m.tenant_id = e.tenant_id AND m.memory_id = e.memory_id)`);
    expect(orphans).toEqual([]);
    // Of the new content, as the provider makes them.
    expect(await search(client, 'another', 'semantic')).toContain('another');
  });

  it('are drained in as few requests as there are batches, and each tenant has its turn', async () => {
    home.provider.fail(AWAY);
    const contents = Array.from({ length: 1_000 }, (_, i) => `fact number ${i}`);
    await storeMany(home.service.as('crowd'), contents);
    await store(home.service.as('solo'), 'the only one');
    home.provider.requests.length = 0;
    home.provider.heal();
    await home.drained('crowd');
    await home.drained('solo');
    expect(textsOf().sort()).toEqual([...contents, 'the only one'].sort());
    // 128 texts a request: 8 of the crowd, and 1.
    expect(home.provider.requests).toHaveLength(9);
    const turn = home.provider.requests.findIndex(({ body }) => body.input.includes('the only one'));
    expect(turn).toBeLessThanOrEqual(4);
    expect(await home.rows('crowd')).toEqual(contents.map(ready));
  });

  it('are parked where they can never be embedded, and the others are not kept from it', async () => {
    const client = home.service.as('poison');
    home.provider.fail(AWAY);
    const contents = Array.from({ length: 200 }, (_, i) => (i === 77 ? 'a secret poison' : `harmless ${i}`));
    await storeMany(client, contents);
    home.provider.heal();
    home.provider.refuse((text) => text.includes('poison'));
    await eventually(async () => (await list(client, 'embeddingStatus=pending')).length === 1);
    const attempts = async (): Promise<number> =>
      (await list(client, 'embeddingStatus=pending'))[0]?.embeddingFailure?.attempts ?? 0;
    for (let attempt = 1; attempt < 5; attempt++) {
      await eventually(async () => (await attempts()) === attempt);
      await home.hurry('poison');
    }
    await eventually(async () => (await list(client, 'embeddingStatus=parked')).length === 1);
    const [parked] = await list(client, 'embeddingStatus=parked');
    expect(parked?.embeddingFailure).toMatchObject({
      attempts: 5,
      reason: expect.stringContaining('status 400'),
    });
    expect(JSON.stringify(parked?.embeddingFailure)).not.toContain('poison');
    expect(await search(client, 'poison', 'lexical')).toEqual(['a secret poison']);
    expect((await home.rows('poison')).filter(({ vectors }) => vectors === 1)).toHaveLength(199);
    await home.service.app.get(PendingFigures).refresh();
    const metrics = (await home.service.send('GET', '/metrics')).text;
    expect(metrics).toContain('triptych_embeddings_parked 1');
    expect(metrics).toContain('triptych_embeddings_pending 0');
    expect(metrics).toMatch(/^triptych_embeddings_failed_total\{outcome="parked"\} 1$/m);
    // A new content has a new chance.
    const change = await client.patch(`/v1/memories/${parked?.memoryId ?? ''}`, { content: 'an antidote' });
    expect(change.body).toMatchObject({ embeddingStatus: 'ready' });
    expect(await list(client, 'embeddingStatus=parked')).toEqual([]);
  });

  it('are parked, too, where the server fails for them as if it were away', async () => {
    const client = home.service.as('choking');
    home.provider.fail(AWAY);
    const contents = ['one', 'two', 'the choking text', 'four', 'five'];
    await storeMany(client, contents);
    await store(home.service.as('choking-other'), 'waits behind it');
    home.provider.heal();
    home.provider.refuse((text) => text.includes('choking'), 500);
    await home.drained('choking-other');
    const failed = async (): Promise<Entry | undefined> => (await list(client, 'embeddingStatus=pending'))[0];
    for (let attempt = 1; attempt < 5; attempt++) {
      await eventually(async () => (await failed())?.embeddingFailure?.attempts === attempt);
      expect(await list(client, 'embeddingStatus=ready')).toHaveLength(4);
      await home.hurry('choking');
    }
    await eventually(async () => (await list(client, 'embeddingStatus=parked')).length === 1);
    const [parked] = await list(client, 'embeddingStatus=parked');
    expect(parked).toMatchObject({
      content: 'the choking text',
      embeddingFailure: { attempts: 5, reason: 'status 500, it failed' },
    });
    // Nobody's queries are kept from the server for it.
    const metrics = (await home.service.send('GET', '/metrics')).text;
    expect(metrics).toContain(`triptych_embedding_breaker{space="${SPACE}",state="closed"} 1`);
    home.provider.heal();
    await client.delete(`/v1/memories/${parked?.memoryId ?? ''}`);
  });

  it('have their turn though the server turns away another tenant each time', async () => {
    home.provider.fail(AWAY);
    await storeMany(home.service.as('limited-1'), ['limited', 'as well']);
    await store(home.service.as('limited-2'), 'behind the limited');
    await store(home.service.as('limited-3'), 'behind them all');
    home.provider.heal();
    home.provider.refuse((text) => text === 'limited', 429);
    await home.drained('limited-2');
    await home.drained('limited-3');
    // Nothing counts, and nothing but that is asked.
    expect(
      await home.sql(`SELECT attempts FROM shared.pending_embeddings WHERE tenant_id = 'limited-1'`),
    ).toEqual([{ attempts: 0 }, { attempts: 0 }]);
    home.provider.heal();
    await home.drained('limited-1');
  });

  it('are not embedded in the name of the request that left them', async () => {
    home.provider.fail(AWAY);
    const { memoryId } = await store(home.service.as('named'), 'in nobody else’s name');
    home.provider.heal();
    await home.drained('named');
    // Of which the service itself has no embedder, so that its own worker leaves it alone.
    const space = 'triptych-local-0/64';
    await home.sql(
      `INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space) VALUES ('named', '${memoryId}', '${space}')`,
    );
    const names: unknown[] = [];
    const recorder = new RecordingEmbedder(() => names.push(correlation().requestId));
    const { app } = home.service;
    const embedders = new Embedders(new LocalEmbedder(DIMENSIONS), ({ model }) =>
      model === recorder.model ? recorder : undefined,
    );
    const parts = [app.get(Database), app.get<TriptychOptions>(TRIPTYCH_OPTIONS), embedders] as const;
    const backlog = new EmbeddingBacklog(...parts, app.get(TenantContext));
    inRequest({ requestId: 'of somebody' }, () => {
      backlog.wake('named', space);
    });
    backlog.onApplicationBootstrap();
    try {
      await home.drained('named');
    } finally {
      await backlog.beforeApplicationShutdown();
    }
    expect(names).toEqual([undefined]);
  });

  it('come back when a worker that had them is gone, and what it does later is left alone', async () => {
    const client = home.service.as('killed');
    home.provider.fail(AWAY);
    const [entry] = await storeMany(client, ['claimed by one that dies']);
    const tenants = home.service.app.get(TenantContext);
    const terms = { memories: 256, units: 1_000, leaseMs: 3_600_000, attempts: 5, firstRetryMs: 1_000 };
    const other = new PendingEmbeddings(home.service.app.get(Database), tenants, SPACE, terms);
    const inScope = <T>(work: () => Promise<T>): Promise<T> => tenants.run('killed', work);
    const claim = async (): Promise<Claim> => {
      // The service's own worker may have it just then, and gives it back.
      for (;;) {
        const claimed = await inScope(() => other.claim());
        if (claimed) return claimed;
        await sleep(20);
      }
    };
    const late = async (claimed: Claim): Promise<number> => {
      const vectors = await vectorsOf(new LocalEmbedder(DIMENSIONS), claimed.memories);
      return inScope(() => other.finish(claimed, vectors));
    };
    const first = await claim();
    expect(first.memories).toMatchObject([
      { memoryId: entry?.memoryId, content: 'claimed by one that dies' },
    ]);
    expect(await inScope(() => other.claim())).toBeUndefined();
    await home.hurry('killed');
    const second = await claim();
    expect(await late(first)).toBe(0);
    await client.patch(`/v1/memories/${entry?.memoryId ?? ''}`, { content: 'changed in between' });
    expect(await late(second)).toBe(0);
    expect((await home.rows('killed')).map(({ vectors }) => vectors)).toEqual([0]);
    await claim();
    home.provider.heal();
    await home.hurry('killed');
    await home.drained('killed');
    expect(await home.rows('killed')).toEqual([ready('changed in between')]);
    expect(await late(second)).toBe(0);
  });

  it('leave nothing when their tenant is erased while they are embedded', async () => {
    home.provider.fail(AWAY);
    await storeMany(home.service.as('erased'), ['one to be erased', 'another']);
    const release = deferred();
    home.provider.fail({ until: release.promise });
    home.provider.requests.length = 0;
    await eventually(() => Promise.resolve(textsOf().includes('one to be erased')));
    const before = home.backlog.counts.finished;
    for (const table of ['pending_embeddings', 'recall_documents', 'agent_memories'])
      await home.sql(`DELETE FROM shared.${table} WHERE tenant_id = 'erased'`);
    release.resolve();
    home.provider.heal();
    // The worker goes on: what it does for another tenant comes after what it did for this one.
    home.provider.fail(AWAY);
    expect(await store(home.service.as('after-erased'), 'later')).toMatchObject({
      embeddingStatus: 'pending',
    });
    home.provider.heal();
    await home.drained('after-erased');
    expect(home.backlog.counts.finished).toBe(before + 1);
    const left = await home.sql(`SELECT 1 FROM shared.memory_embeddings WHERE tenant_id = 'erased'`);
    expect(left).toEqual([]);
  });

  it('are stored, too, when the provider answers with vectors of no use', async () => {
    const client = home.service.as('useless');
    home.provider.fail('zero-vector');
    expect(await store(client, 'has no direction')).toMatchObject({ embeddingStatus: 'pending' });
    await eventually(async () => (await list(client, ''))[0]?.embeddingFailure !== undefined);
    const [entry] = await list(client, '');
    expect(entry?.embeddingFailure?.reason).toMatch(/norm 0/);
    home.provider.heal();
    await home.hurry('useless');
    await home.drained('useless');
    expect(await home.rows('useless')).toEqual([ready('has no direction')]);
  });
});

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)('several workers on one database', () => {
  it('share what waits, and do each of it once', async () => {
    const database = await postgres();
    const home = await Home.open(database);
    const second = await Home.serve(database, home.provider);
    try {
      home.provider.fail(AWAY);
      const contents = Array.from({ length: 600 }, (_, i) => `shared fact ${i}`);
      await storeMany(home.service.as('acme'), contents);
      home.provider.requests.length = 0;
      home.provider.fail({ delayMs: 100 });
      second.app.get(EmbeddingBacklog).wake('acme');
      await home.drained('acme');
      expect(home.provider.requests.flatMap(({ body }) => body.input).sort()).toEqual([...contents].sort());
      expect(await home.rows('acme')).toEqual(contents.map(ready));
      const finished = [home.service, second].map(({ app }) => app.get(EmbeddingBacklog).counts.finished);
      expect(finished.reduce((sum, count) => sum + count)).toBe(600);
    } finally {
      await second.stop();
      await home.close();
    }
  });

  it('hand back what they have when they are stopped, without waiting for the provider', async () => {
    const database = await postgres();
    const home = await Home.open(database);
    const other = await TestService.start(database);
    try {
      home.provider.fail(AWAY);
      await storeMany(home.service.as('acme'), ['on its way']);
      home.provider.fail('hang');
      const claimed = () =>
        asSuperuser(
          database,
          other.app.get(Database),
          `SELECT claim IS NOT NULL AS claimed, due_at <= now() AS due, attempts FROM shared.pending_embeddings`,
        );
      await eventually(async () => (await claimed())[0]?.['claimed'] === true);
      await home.service.stop();
      expect(await claimed()).toEqual([{ claimed: false, due: true, attempts: 0 }]);
    } finally {
      await other.stop();
      await home.provider.close();
      await database.drop();
    }
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Waits until it is so; fails loudly where it never is. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until;) {
    if (await isSo()) return;
    await sleep(50);
  }
  throw new Error('It did not come to this within 60 s.');
}
