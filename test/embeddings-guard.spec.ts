// Over 200 lines: the breaker, the bulkheads, and both through the service.
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { GuardedEmbedder, type GuardOptions } from '../src/embeddings/guarded-embedder.js';
import { OpenAIEmbedder, type OpenAIEmbedderOptions } from '../src/embeddings/openai-embedder.js';
import { EmbeddingsUnavailableError } from '../src/errors.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { EmbeddingsServer, type EmbeddingsFault } from './support/embeddings-server.js';
import { closedGate } from './support/gate.js';

const DIMENSIONS = 16;
const HOUR = 3_600_000;
const AN_HOUR = { firstPauseMs: HOUR, maxPauseMs: HOUR };

let server: EmbeddingsServer;
/** What the breaker takes the time to be, from now on. */
let later = 0;
beforeAll(async () => {
  Logger.overrideLogger(false);
  server = await EmbeddingsServer.start({ dimensions: DIMENSIONS });
});
beforeEach(() => {
  later = 0;
  server.requests.length = 0;
  const { now } = Date;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + later);
});
afterEach(() => {
  jest.restoreAllMocks();
  server.heal();
});
afterAll(() => server.close());

describe('the breaker of a provider', () => {
  it('leaves it alone after three failures in a row, and says why and until when', async () => {
    const embedder = guarded({ breaker: { ...AN_HOUR } });
    server.fail({ status: 503 });
    await failures(embedder, 2);
    expect(embedder.state).toMatchObject({ name: 'closed', nextAttempt: null });
    await failures(embedder, 1);
    expect(embedder.state.name).toBe('open');

    server.heal();
    const error = await failureOf(embedder.embed(['tea'], 'query'));
    expect(error).toBeInstanceOf(EmbeddingsUnavailableError);
    expect(error.message).toMatch(/asked again in \d+ s \(status 503, it failed\)/);
    expect(error.isOfContent).toBe(false);
    expect(error.extensions.retryAfter).toBeGreaterThan(2_000);
    expect(error.extensions.retryAfter).toBeLessThanOrEqual(3_600);
    expect(server.requests).toHaveLength(3);
    expect(embedder.figures).toMatchObject([
      { kind: 'document', outcomes: { answered: 0, unavailable: 3, not_asked: 0 } },
      { kind: 'query', outcomes: { answered: 0, unavailable: 0, not_asked: 1 } },
    ]);
  });

  it('counts failures in a row, and no others', async () => {
    const embedder = guarded();
    for (let round = 0; round < 3; round++) {
      server.fail({ status: 500 });
      await failures(embedder, 2);
      server.heal();
      await embedder.embed(['tea'], 'document');
    }
    expect(embedder.state.name).toBe('closed');
  });

  it.each<[EmbeddingsFault, string]>([
    ['reset', 'open'],
    ['hang', 'open'],
    [{ dripMs: 20 }, 'open'],
    [{ status: 429 }, 'open'],
    [{ status: 500 }, 'open'],
    [{ status: 401 }, 'open'],
    [{ status: 403 }, 'open'],
    [{ status: 404 }, 'open'],
    [{ redirectTo: 'http://127.0.0.1:9/v1' }, 'open'],
    [{ status: 400 }, 'closed'],
    [{ status: 413 }, 'closed'],
    [{ status: 422 }, 'closed'],
    ['wrong-dimension', 'closed'],
    ['html', 'closed'],
  ])('after three times %j it is %s', async (fault, state) => {
    const timeoutMs = fault === 'hang' || (typeof fault === 'object' && 'dripMs' in fault) ? 200 : 60_000;
    const embedder = guarded({ breaker: { ...AN_HOUR } }, { timeoutMs });
    server.fail(fault);
    await failures(embedder, 3);
    expect(embedder.state.name).toBe(state);
  });

  it('does not count a text that cannot be sent', async () => {
    const embedder = guarded();
    for (let call = 0; call < 4; call++) await expect(embedder.embed([''], 'document')).rejects.toThrow();
    expect(embedder.state.name).toBe('closed');
    expect(server.requests).toEqual([]);
  });

  it('lets one request try whether it is back, refuses others meanwhile, and opens up when it is', async () => {
    const embedder = guarded();
    server.fail({ status: 503 });
    await failures(embedder, 3);
    later = HOUR;
    const gate = closedGate();
    server.fail({ until: gate.opened });
    const probe = embedder.embed(['probe'], 'document');
    while (server.requests.length < 4) await aMoment();
    expect(embedder.state.name).toBe('half-open');
    for (const kind of ['document', 'query'] as const)
      expect(await failureOf(embedder.embed(['tea'], kind))).toBeInstanceOf(EmbeddingsUnavailableError);
    gate.open();
    await expect(probe).resolves.toHaveLength(1);
    expect(embedder.state).toMatchObject({ name: 'closed', nextAttempt: null });
    expect(server.requests).toHaveLength(4);
    await expect(embedder.embed(['tea'], 'query')).resolves.toHaveLength(1);
  });

  it('waits twice as long each time, up to the longest pause', async () => {
    const embedder = guarded({ breaker: { firstPauseMs: 1_000_000, maxPauseMs: 3_000_000 } });
    server.fail({ status: 503 });
    await failures(embedder, 3);
    for (const pause of [1_000_000, 2_000_000, 3_000_000, 3_000_000]) {
      const wait = Number(embedder.state.nextAttempt) - Date.now();
      expect(wait).toBeLessThanOrEqual(pause);
      // A quarter is chance, and a minute what this test may have taken.
      expect(wait).toBeGreaterThan(0.75 * pause - 60_000);
      later += wait + 1;
      await failures(embedder, 1);
      expect(embedder.state.name).toBe('open');
    }
    expect(server.requests).toHaveLength(7);
  });

  it.each([
    ['200', 200_000],
    ['86400', 600_000],
  ])('leaves it alone for as long as it asks, within reason: Retry-After %s', async (retryAfter, pause) => {
    const embedder = guarded({ breaker: { firstPauseMs: 1, maxPauseMs: 1 } });
    server.fail({ status: 429, retryAfter });
    await failures(embedder, 3);
    const wait = Number(embedder.state.nextAttempt) - Date.now();
    expect(wait).toBeLessThanOrEqual(pause);
    expect(wait).toBeGreaterThan(pause - 60_000);
  });
});

describe('the bulkheads of a provider', () => {
  it('has so much under way and so much in line, refuses the rest at once, and lets queries pass', async () => {
    const embedder = guarded({ concurrency: 2 });
    const gate = closedGate();
    server.fail({ until: gate.opened }, 2);
    const stores = Array.from({ length: 18 }, (_, index) => embedder.embed([`tea ${index}`], 'document'));
    expect(embedder.figures).toMatchObject([
      { kind: 'document', running: 2, waiting: 16 },
      { kind: 'query', running: 0, waiting: 0 },
    ]);
    const refused = await failureOf(embedder.embed(['one more'], 'document'));
    expect(refused.message).toMatch(/2 requests to it are under way and 16 wait in line/);
    expect(refused).toMatchObject({ isOfContent: false, extensions: { retryAfter: 1 } });
    // Both have to be with the server before a query comes, or that would be held in place of one.
    while (server.requests.length < 2) await aMoment();
    await expect(embedder.embed(['question'], 'query')).resolves.toHaveLength(1);
    gate.open();
    await expect(Promise.all(stores)).resolves.toHaveLength(18);
    expect(embedder.figures).toMatchObject([{ running: 0, waiting: 0 }, {}]);
    expect(embedder.state.name).toBe('closed');
  });

  it('gives up a place in line after its time, and keeps the line whole', async () => {
    const embedder = guarded({ concurrency: 1, waitMs: { document: 50, query: 50 } });
    const gate = closedGate();
    server.fail({ until: gate.opened }, 1);
    const first = embedder.embed(['first'], 'document');
    const late = await failureOf(embedder.embed(['late'], 'document'));
    expect(late.message).toMatch(/1 requests to it are under way, and none ended within 50 ms/);
    expect(embedder.figures).toMatchObject([{ running: 1, waiting: 0 }, {}]);
    gate.open();
    await first;
    await expect(embedder.embed(['next'], 'document')).resolves.toHaveLength(1);
    expect(server.requests.map(({ body }) => body.input)).toEqual([['first'], ['next']]);
  });

  it('lets others in between the requests of a large store', async () => {
    const embedder = guarded({ concurrency: 1 }, { batchSize: 1 });
    const large = embedder.embed(['a1', 'a2', 'a3', 'a4'], 'document');
    const small = embedder.embed(['b'], 'document');
    await expect(Promise.all([large, small])).resolves.toMatchObject([{ length: 4 }, { length: 1 }]);
    expect(server.requests.map(({ body }) => body.input[0])).toEqual(['a1', 'b', 'a2', 'a3', 'a4']);
  });

  it('gives a place to the tenant that has the fewest, so that none stands behind all of another', async () => {
    const embedder = guarded({ concurrency: 2 });
    const gate = closedGate();
    server.fail({ until: gate.opened }, 2);
    const flood = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'].map((text) => askAs('a', embedder, text));
    while (server.requests.length < 2) await aMoment();
    const others = [askAs('b', embedder, 'b1'), askAs('b', embedder, 'b2'), askAs('c', embedder, 'c1')];
    gate.open();
    await Promise.all([...flood, ...others]);
    const order = server.requests.map(({ body }) => body.input[0]);
    // Of two requests at once either may be there first.
    expect(order.slice(0, 2).sort()).toEqual(['a1', 'a2']);
    // The others had none yet, so theirs come before the third of the flood.
    expect(order.slice(2, 4).sort()).toEqual(['b1', 'c1']);
    expect(order).toHaveLength(9);
    expect(order.indexOf('b2')).toBeLessThan(order.indexOf('a5'));
  });

  it('takes a tenant into a line that is full of another, whose newest is refused', async () => {
    const embedder = guarded({ concurrency: 1 });
    const gate = closedGate();
    server.fail({ until: gate.opened }, 1);
    const flood = Array.from({ length: 9 }, (_, index) => askAs('a', embedder, `a${index}`));
    const newest = failureOf(flood[8] as Promise<unknown>);
    const other = askAs('b', embedder, 'b');
    expect((await newest).message).toMatch(/1 requests to it are under way and 8 wait in line/);
    expect((await failureOf(askAs('a', embedder, 'one more'))).message).toMatch(/8 wait in line/);
    expect(embedder.figures).toMatchObject([{ running: 1, waiting: 8 }, {}]);
    gate.open();
    await Promise.all([...flood.slice(0, 8), other]);
    expect(server.requests.map(({ body }) => body.input[0]).slice(0, 3)).toEqual(['a0', 'b', 'a1']);
    expect(server.requests).toHaveLength(9);
    expect(embedder.figures).toMatchObject([{ running: 0, waiting: 0 }, {}]);
  });

  it('pushes nobody out of a line in which all have as much', async () => {
    const embedder = guarded({ concurrency: 1 });
    const gate = closedGate();
    server.fail({ until: gate.opened }, 1);
    const tenants = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const all = tenants.map((tenant) => askAs(tenant, embedder, tenant));
    await expect(askAs('late', embedder, 'late')).rejects.toThrow(/8 wait in line/);
    gate.open();
    await Promise.all(all);
    expect(server.requests.map(({ body }) => body.input[0])).toEqual(tenants);
  });

  it('refuses at once while the provider is left alone, however many requests are under way', async () => {
    const embedder = guarded({ concurrency: 1, breaker: { failures: 1, ...AN_HOUR } });
    const gate = closedGate();
    server.fail({ until: gate.opened }, 1);
    const slow = embedder.embed(['slow'], 'document');
    while (server.requests.length < 1) await aMoment();
    server.fail({ status: 503 });
    await failureOf(embedder.embed(['question'], 'query'));
    const refused = await failureOf(embedder.embed(['tea'], 'document'));
    expect(refused.message).toMatch(/asked again in/);
    gate.open();
    await expect(slow).resolves.toHaveLength(1);
  });

  it('lets nobody stand in line for a provider that is left alone', async () => {
    const embedder = guarded({ concurrency: 1, breaker: { failures: 1, ...AN_HOUR } });
    const gate = closedGate();
    server.fail({ until: gate.opened.then(() => Promise.reject(new Error('gone'))) });
    const all = Array.from({ length: 5 }, () => failureOf(embedder.embed(['tea'], 'document')));
    gate.open();
    for (const error of await Promise.all(all)) expect(error).toBeInstanceOf(EmbeddingsUnavailableError);
    expect(server.requests).toHaveLength(1);
    expect(embedder.figures).toMatchObject([
      { running: 0, waiting: 0, outcomes: { unavailable: 1, not_asked: 4 } },
      {},
    ]);
  });

  it('lets those in line go one after the other, so that they do not all turn elsewhere in one moment', async () => {
    const embedder = guarded({ concurrency: 1, breaker: { failures: 1, ...AN_HOUR } });
    const gate = closedGate();
    server.fail({ until: gate.opened.then(() => Promise.reject(new Error('gone'))) });
    let moment = 0;
    const clock = setInterval(() => (moment += 1), 1);
    const left = Array.from({ length: 6 }, async () => {
      await failureOf(embedder.embed(['tea'], 'query'));
      return moment;
    });
    gate.open();
    const moments = await Promise.all(left);
    clearInterval(clock);
    expect(new Set(moments).size).toBe(6);
  });
});

function guarded(
  options: Partial<GuardOptions> = {},
  driver: Partial<OpenAIEmbedderOptions> = {},
): GuardedEmbedder {
  const { url: baseURL } = server;
  return new GuardedEmbedder(
    new OpenAIEmbedder({
      baseURL,
      model: 'm',
      dimensions: DIMENSIONS,
      timeoutMs: 60_000,
      maxRetries: 0,
      ...driver,
    }),
    {
      concurrency: 4,
      waitMs: { document: 60_000, query: 60_000 },
      tenantOfCaller: currentTenant,
      ...options,
    },
  );
}

function askAs(tenantId: string, embedder: GuardedEmbedder, text: string): Promise<unknown> {
  return new TenantContext().run(tenantId, () => embedder.embed([text], 'document'));
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** So many calls that fail, one after the other. */
async function failures(embedder: GuardedEmbedder, count: number): Promise<void> {
  for (let call = 0; call < count; call++) await failureOf(embedder.embed(['tea'], 'document'));
}

async function failureOf(work: Promise<unknown>): Promise<EmbeddingsUnavailableError> {
  return work.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => error as EmbeddingsUnavailableError,
  );
}
