// Over 200 lines: one header, and every route that takes it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Database } from '../src/database/database.js';
import { Embedder } from '../src/embeddings/embedder.js';
import { NotFoundError } from '../src/errors.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { FirstAnswer, Idempotency } from '../src/tenancy/idempotency.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { asOperator } from './support/operator.js';
import { asSuperuser } from './support/superuser.js';
import { TestService, type Answer } from './support/service.js';

interface Write {
  method: string;
  path: string;
  body?: unknown;
}
interface OpenApi {
  paths: Record<string, Record<string, { parameters?: { name: string }[]; responses: object }>>;
}

const MEMORY = {
  agentId: 'a',
  content: 'Ada likes window seats.',
  metadata: { b: 1, a: [{ d: 1, c: 'é' }] },
};
const MESSAGES = [{ role: 'user', content: 'Where is my parcel?', extra: { b: 1e21, a: [0.1] } }];
const store = (content = MEMORY.content): Write => ({
  method: 'POST',
  path: '/v1/memories',
  body: { ...MEMORY, content },
});
const append = (content = 'hello', thread = 'trip'): Write => ({
  method: 'POST',
  path: `/v1/sessions/${thread}/messages`,
  body: { messages: [{ role: 'user', content }] },
});
const problem = ({ status, body }: Answer): [number, string] => [status, (body as { code: string }).code];
const replayed = ({ headers }: Answer): string | null => headers.get('idempotency-replayed');
const gates: (() => void)[] = [];
/** Holds whoever waits for it until it is opened, at the latest when the test ends. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  gates.push(open);
  return { opened, open };
}
/** Makes every embedding of a service wait for a gate; the answer resolves when the first one does. */
function holdEmbedder({ app }: TestService, opened: Promise<void>): Promise<void> {
  const reached = gate();
  const embedder = app.get(Embedder);
  const embed = embedder.embed.bind(embedder);
  jest.spyOn(embedder, 'embed').mockImplementation(async (...given) => {
    reached.open();
    await opened;
    return embed(...given);
  });
  return reached.opened;
}
/** All of an answer but what belongs to the moment. */
const lasting = ({ status, headers, text }: Answer): unknown => ({
  status,
  text,
  headers: [...headers].filter(([name]) => !['date', 'x-request-id', 'idempotency-replayed'].includes(name)),
});

describeOnEachEngine('Idempotency-Key', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  /** Of each test its own, so that it can count. */
  let tenant: string;

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
  });
  beforeEach(() => {
    tenant = `t-${randomUUID()}`;
  });
  afterEach(() => {
    for (const open of gates.splice(0)) open();
    jest.restoreAllMocks();
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  const send = (
    { method, path, body }: Write,
    key?: string,
    { from = service, as = tenant }: { from?: TestService; as?: string } = {},
  ): Promise<Answer> =>
    from.send(method, path, body, {
      'x-tenant-id': as,
      ...(key !== undefined && { 'idempotency-key': key }),
    });
  const idOf = (answer: Answer): string => (answer.body as { memoryId: string }).memoryId;
  const contents = async (as = tenant): Promise<string[]> => {
    const { body } = await service.as(as).get('/v1/memories?limit=1000');
    return (body as { memories: { content: string }[] }).memories.map(({ content }) => content).sort();
  };
  const messages = async (): Promise<number> => {
    const { body } = await service.as(tenant).get('/v1/sessions/trip/messages?limit=1000');
    return (body as { messages?: unknown[] }).messages?.length ?? 0;
  };
  const sql = (text: string): Promise<Record<string, unknown>[]> =>
    asSuperuser(home, service.app.get(Database), text);
  const keys = async (as = tenant): Promise<unknown[]> =>
    (await sql(`SELECT key FROM shared.idempotency_keys WHERE tenant_id = '${as}' ORDER BY key`)).map(
      ({ key }) => key,
    );
  const inScope = <T>(work: () => T): T => service.app.get(TenantContext).run(tenant, work);
  const unitOfWork = <T>(work: () => Promise<T>): Promise<T> => service.app.get(Database).unitOfWork(work);
  /** Keyed work as another process would do it, which knows nothing of what runs in this one. */
  const otherProcess = (): Idempotency => new Idempotency(service.app.get(Database), new TenantContext());
  const request = (key: string): { key: string; hash: Buffer; status: number } => ({
    key,
    hash: Buffer.alloc(32),
    status: 201,
  });

  /** Each route that takes the header: what has to be there before, the write, and its effect as a number. */
  const routes: Record<string, () => Promise<{ write: Write; effect: () => Promise<number> }>> = {
    'POST /v1/memories': () =>
      Promise.resolve({ write: store(), effect: async () => (await contents()).length }),
    'POST /v1/memories/batch': () =>
      Promise.resolve({
        write: { method: 'POST', path: '/v1/memories/batch', body: { memories: [MEMORY, MEMORY] } },
        effect: async () => (await contents()).length / 2,
      }),
    'PATCH /v1/memories/{memoryId}': async () => {
      const memoryId = idOf(await send(store()));
      return {
        write: { method: 'PATCH', path: `/v1/memories/${memoryId}`, body: { content: 'A new one.' } },
        effect: () => audited('memory.update'),
      };
    },
    'DELETE /v1/memories/{memoryId}': async () => {
      const memoryId = idOf(await send(store()));
      return {
        write: { method: 'DELETE', path: `/v1/memories/${memoryId}` },
        effect: () => audited('memory.delete'),
      };
    },
    'POST /v1/sessions/{threadId}/messages': () =>
      Promise.resolve({
        write: { method: 'POST', path: '/v1/sessions/trip/messages', body: { messages: MESSAGES } },
        effect: messages,
      }),
    'DELETE /v1/sessions/{threadId}': async () => {
      await send(append());
      return {
        write: { method: 'DELETE', path: '/v1/sessions/trip' },
        effect: () => audited('session.clear'),
      };
    },
  };
  const audited = async (action: string): Promise<number> =>
    (await sql(`SELECT FROM shared.audit_log WHERE tenant_id = '${tenant}' AND action = '${action}'`)).length;

  describe.each(Object.entries(routes))('%s', (_, arrange) => {
    it('is done once, and answered the same again, byte for byte', async () => {
      const { write, effect } = await arrange();
      const first = await send(write, 'k');
      expect(first.status).toBeLessThan(300);
      expect(replayed(first)).toBeNull();
      for (const _again of [1, 2]) {
        const again = await send(write, 'k');
        expect(lasting(again)).toEqual(lasting(first));
        expect(replayed(again)).toBe('true');
      }
      expect(await effect()).toBe(1);
      expect(await keys()).toEqual(['k']);
    });

    it('is refused under a key that was used for something else', async () => {
      const { write } = await arrange();
      await send(store('something else'), 'k');
      expect(problem(await send(write, 'k'))).toEqual([422, 'idempotency_mismatch']);
    });

    it('leaves no key without the header', async () => {
      const { write } = await arrange();
      expect((await send(write)).status).toBeLessThan(300);
      expect(await keys()).toEqual([]);
    });
  });

  it('stands on every route that writes, and on no other', async () => {
    const { paths } = (await service.send('GET', '/docs-json')).body as OpenApi;
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        route: `${method.toUpperCase()} ${path}`,
        ...operation,
      })),
    );
    const taking = operations.filter(({ parameters = [] }) =>
      parameters.some(({ name }) => name === 'Idempotency-Key'),
    );
    expect(taking.map(({ route }) => route).sort()).toEqual(Object.keys(routes).sort());
    for (const { responses } of taking)
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['409', '410', '422']));
    const reading = ['POST /v1/memories/search', 'POST /v1/context/compile'];
    expect(
      operations
        .map(({ route }) => route)
        .filter((route) => !route.startsWith('GET ') && !reading.includes(route))
        .sort(),
    ).toEqual(Object.keys(routes).sort());
  });

  it('is ignored where nothing is written, malformed or not', async () => {
    const searching = {
      method: 'POST',
      path: '/v1/memories/search',
      body: { query: 'seats' },
    };
    for (const key of ['k', 'not a key'])
      for (const read of [searching, { method: 'GET', path: '/v1/memories' }]) {
        const answer = await send(read, key);
        expect([answer.status, replayed(answer)]).toEqual([200, null]);
      }
    expect((await send(store('later'), 'k')).status).toBe(201);
    expect((await send(searching, 'k')).text).toContain('later');
  });

  it.each([
    ['empty', ''],
    ['with a space', 'a key'],
    ['two headers', 'a, b'],
    ['of 256 characters', 'k'.repeat(256)],
    ['with a letter that is not ASCII', 'clé'],
    ['with a control character', 'a\tb'],
  ])('is refused when it is %s', async (_, key) => {
    const answer = await send(store(), key);
    expect(problem(answer)).toEqual([400, 'invalid_input']);
    expect(answer.text).toContain('"field":"Idempotency-Key"');
    expect(await contents()).toEqual([]);
  });

  it.each(['!', '~', '"quoted"', "';--", 'k'.repeat(255)])('may be %s', async (key) => {
    const first = await send(store(), key);
    expect(first.status).toBe(201);
    expect((await send(store(), key)).text).toBe(first.text);
  });

  it('knows a request again in another spelling of the same', async () => {
    const first = await send(store(), 'k');
    const { metadata, content, agentId } = MEMORY;
    const spelled = JSON.stringify({ metadata: { a: metadata.a, b: metadata.b }, content, agentId }, null, 2);
    expect(lasting(await send({ ...store(), body: spelled }, 'k'))).toEqual(lasting(first));
    expect(await contents()).toEqual([content]);
  });

  it('tells bodies, methods and objects apart', async () => {
    const one = idOf(await send(store('one')));
    const two = idOf(await send(store('two')));
    const change = { method: 'PATCH', path: `/v1/memories/${one}`, body: { content: 'changed' } };
    expect((await send(change, 'k')).status).toBe(200);
    for (const other of [
      { ...change, body: { content: 'changed ' } },
      { ...change, path: `/v1/memories/${two}` },
      { method: 'DELETE', path: change.path },
    ])
      expect(problem(await send(other, 'k'))).toEqual([422, 'idempotency_mismatch']);
    expect(await contents()).toEqual(['changed', 'two']);
  });

  it('remembers nothing of a request that failed', async () => {
    const nobody = `/v1/memories/${randomUUID()}`;
    for (const failing of [
      store(' '),
      { ...store(), body: { ...MEMORY, unknown: true } },
      {
        ...store(),
        body: `{"agentId":"a","content":"deep","metadata":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
      },
      { method: 'PATCH', path: nobody, body: { content: 'x' } },
      { method: 'DELETE', path: nobody },
    ])
      expect([400, 404]).toContain((await send(failing, 'k')).status);
    expect(await keys()).toEqual([]);
    expect((await send(store(), 'k')).status).toBe(201);
  });

  it('is not kept when the unit of work rolls back after it', async () => {
    const idempotency = service.app.get(Idempotency);
    const failing = inScope(() =>
      idempotency.once(request('k'), () =>
        unitOfWork(async () => {
          await idempotency.remember({ done: true });
          throw new Error('undo');
        }),
      ),
    );
    await expect(failing).rejects.toThrow('undo');
    expect(await keys()).toEqual([]);
  });

  it('has no meaning in code, where nobody names one', async () => {
    const memory = service.app.get(LongTermMemory);
    await inScope(() => memory.store({ agentId: 'a', content: 'twice' }));
    await inScope(() => memory.store({ agentId: 'a', content: 'twice' }));
    expect(await contents()).toEqual(['twice', 'twice']);
    expect(await keys()).toEqual([]);
  });

  it('belongs to one tenant', async () => {
    const other = `${tenant}-2`;
    const first = await send(store(), 'k');
    const foreign = await send(store(), 'k', { as: other });
    expect([foreign.status, replayed(foreign)]).toEqual([201, null]);
    expect(idOf(foreign)).not.toBe(idOf(first));
    expect((await send(store(), 'k', { as: other })).text).toBe(foreign.text);
    expect((await send(store(), 'k')).text).toBe(first.text);
    expect((await send(store('another'), 'k', { as: `${tenant}-3` })).status).toBe(201);
    expect([await contents(), await contents(other)]).toEqual([[MEMORY.content], [MEMORY.content]]);
  });

  it('is erased with its tenant', async () => {
    const other = `${tenant}-2`;
    await send(store(), 'k');
    await send(store(), 'k', { as: other });
    const erased = await asOperator(service, home, async (registry) => {
      const held = await registry.holdings(tenant);
      await registry.erase(tenant);
      return held;
    });
    expect(erased).toEqual(
      expect.arrayContaining([
        { table: 'shared.idempotency_keys', rows: 1 },
        { table: 'shared.idempotency_key_objects', rows: 1 },
      ]),
    );
    expect([await keys(), await keys(other)]).toEqual([[], ['k']]);
    expect(await sql(`SELECT FROM shared.idempotency_key_objects WHERE tenant_id = '${tenant}'`)).toEqual([]);
    expect(replayed(await send(store(), 'k'))).toBeNull();
  });

  describe('of what was deleted', () => {
    it('shows nothing any more, brings nothing back, and says so', async () => {
      const doomed = await send(store('doomed secret'), 'store');
      const change = {
        method: 'PATCH',
        path: `/v1/memories/${idOf(doomed)}`,
        body: { metadata: { more: 'secret' } },
      };
      const batch = {
        method: 'POST',
        path: '/v1/memories/batch',
        body: { memories: [MEMORY, { ...MEMORY, content: 'second secret' }] },
      };
      await send(change, 'change');
      const stored = await send(batch, 'batch');
      const [kept, second] = (stored.body as { memories: { memoryId: string }[] }).memories;
      const spared = await send(store('spared'), 'spared');
      const remove = { method: 'DELETE', path: `/v1/memories/${idOf(doomed)}` };
      expect((await send(remove, 'remove')).status).toBe(204);
      expect((await service.as(tenant).delete(`/v1/memories/${second?.memoryId}`)).status).toBe(204);

      for (const [write, key] of [
        [store('doomed secret'), 'store'],
        [change, 'change'],
        [batch, 'batch'],
        [store('anything'), 'store'],
      ] as const)
        expect(problem(await send(write, key))).toEqual([410, 'idempotency_answer_gone']);
      expect((await send(remove, 'remove')).status).toBe(204);
      expect((await send(store('spared'), 'spared')).text).toBe(spared.text);
      expect(await contents()).toEqual([MEMORY.content, 'spared']);
      expect((await service.as(tenant).get(`/v1/memories/${kept?.memoryId}`)).status).toBe(200);
      const left = JSON.stringify(
        await sql(`SELECT * FROM shared.idempotency_keys WHERE tenant_id = '${tenant}' AND key <> 'spared'`),
      );
      expect(left).not.toMatch(/secret/);
      const objects = await sql(
        `SELECT object_id FROM shared.idempotency_key_objects WHERE tenant_id = '${tenant}'`,
      );
      expect(objects.map(({ object_id }) => object_id).sort()).toEqual([kept?.memoryId, idOf(spared)].sort());
      const hashes = await sql(
        `SELECT key FROM shared.idempotency_keys
          WHERE tenant_id = '${tenant}' AND request_hash IS NOT NULL ORDER BY key`,
      );
      expect(hashes).toEqual([{ key: 'remove' }, { key: 'spared' }]);
    });
  });

  describe('when it is past its time', () => {
    const age = (pattern: string, hours: number): Promise<unknown> =>
      sql(`UPDATE shared.idempotency_keys SET created_at = now() - interval '${hours} hours'
            WHERE tenant_id = '${tenant}' AND key LIKE '${pattern}'`);

    it('goes, two with each key that comes, and none before', async () => {
      for (const key of ['old-1', 'old-2', 'old-3', 'old-4', 'old-5', 'young']) await send(store(key), key);
      await age('old-%', 24.1);
      await age('young', 23.9);
      const left: number[] = [];
      for (const key of ['new-1', 'new-2', 'new-3', 'new-4']) {
        await send(store(key), key);
        left.push((await keys()).filter((one) => String(one).startsWith('old-')).length);
      }
      expect(left).toEqual([3, 1, 0, 0]);
      expect(await keys()).toEqual(['new-1', 'new-2', 'new-3', 'new-4', 'young']);
    });

    it('stays as long as its session, and goes with it', async () => {
      const first = await send(append(), 'of-session');
      const again = await send({ method: 'DELETE', path: '/v1/sessions/trip' }, 'k');
      expect(again.status).toBe(204);
      expect(await keys()).toEqual(['k']);
      const second = await send(append(), 'of-session');
      expect([second.status, replayed(second)]).toEqual([201, null]);
      expect(second.text).not.toBe(first.text);
      await age('of-session', 100_000);
      for (const key of ['new-1', 'new-2']) await send(store(key), key);
      expect((await send(append(), 'of-session')).text).toBe(second.text);
      expect(await messages()).toBe(1);
      // The end of the session was the first of them, and is remembered without it.
      expect((await send({ method: 'DELETE', path: '/v1/sessions/trip' }, 'k')).status).toBe(204);
      expect(await messages()).toBe(1);
    });
  });

  describe('sent again while the first is running', () => {
    it('is refused until there is an answer', async () => {
      const { opened, open } = gate();
      const embedding = holdEmbedder(service, opened);
      const first = send(store(), 'k');
      await embedding;
      for (const body of [store().body, { ...MEMORY, content: 'other' }]) {
        const refused = await send({ ...store(), body }, 'k');
        expect(problem(refused)).toEqual([409, 'idempotency_in_progress']);
        expect(refused.headers.get('retry-after')).toBe('1');
      }
      const elsewhere = [send(store(), 'k', { as: `${tenant}-2` }), send(store('other'), 'k-2')];
      open();
      expect((await Promise.all(elsewhere)).map(({ status }) => status)).toEqual([201, 201]);
      const { text } = await first;
      expect((await send(store(), 'k')).text).toBe(text);
      expect(await contents()).toEqual([MEMORY.content, 'other'].sort());
    });

    it('is free again after the first failed', async () => {
      const { opened, open } = gate();
      const embedding = holdEmbedder(service, opened);
      const first = send(store(), 'k');
      await embedding;
      expect((await send(store(), 'k')).status).toBe(409);
      jest.spyOn(service.app.get(Database), 'unitOfWork').mockRejectedValueOnce(new Error('crash'));
      open();
      expect((await first).status).toBe(500);
      expect((await send(store(), 'k')).status).toBe(201);
      expect(await contents()).toEqual([MEMORY.content]);
    });

    it('by another process is refused at once while that one commits', async () => {
      const other = otherProcess();
      const { opened, open } = gate();
      const remembered = gate();
      const first = inScope(() =>
        other.once(request('k'), () =>
          unitOfWork(async () => {
            await other.remember({ by: 'the other' });
            remembered.open();
            await opened;
          }),
        ),
      );
      await remembered.opened;
      // The embedded engine has one connection, for which everybody waits.
      const second = send(store(), 'k');
      if (home.engine === 'postgres') expect(problem(await second)).toEqual([409, 'idempotency_in_progress']);
      open();
      await first;
      await second;
      expect(problem(await send(store(), 'k'))).toEqual([422, 'idempotency_mismatch']);
      expect(await contents()).toEqual([]);
    });

    it('gets the first answer when another process was faster', async () => {
      const other = otherProcess();
      const mine = service.app.get(Idempotency);
      const outcome = await inScope(() =>
        mine.once(request('k'), async () => {
          await other.once(request('k'), () => unitOfWork(() => other.remember({ by: 'the other' })));
          await unitOfWork(() => mine.remember({ by: 'me' }));
        }),
      );
      expect(outcome).toEqual(new FirstAnswer(201, '{"by":"the other"}'));
    });

    it('gets the first answer when it failed only because that was given', async () => {
      const other = otherProcess();
      const outcome = await inScope(() =>
        service.app.get(Idempotency).once(request('k'), async () => {
          await other.once(request('k'), () => unitOfWork(() => other.remember(undefined)));
          throw new NotFoundError('memory');
        }),
      );
      expect(outcome).toEqual(new FirstAnswer(201, null));
    });
  });

  it('makes 200 requests at once with 20 keys into 20 effects', async () => {
    await expectOneEffectEach([service]);
  });

  /** Sends each of 20 keys 10 times, all at once, then again until every one is answered. */
  async function expectOneEffectEach(services: readonly TestService[]): Promise<void> {
    const given = Array.from({ length: 200 }, (_, index) => ({
      from: services[Math.floor(index / 20) % services.length] ?? service,
      key: `k-${index % 20}`,
    }));
    const attempt = ({ key, from }: (typeof given)[number]): Promise<Answer> =>
      send(store(key), key, { from });
    const answers = await Promise.all(given.map(attempt));
    for (const answer of answers)
      if (answer.status !== 201) expect(problem(answer)).toEqual([409, 'idempotency_in_progress']);
    expect(await contents()).toEqual([...new Set(given.map(({ key }) => key))].sort());
    const again = await Promise.all(given.map(attempt));
    expect(again.map(replayed)).toEqual(given.map(() => 'true'));
    const texts = new Set(
      [...answers.filter(({ status }) => status === 201), ...again].map(({ text }) => text),
    );
    expect(texts.size).toBe(20);
    expect(await keys()).toHaveLength(20);
    expect(await contents()).toHaveLength(20);
  }

  if (createDatabase === postgres)
    describe('with two services on one database', () => {
      let second: TestService;
      beforeAll(async () => {
        second = await TestService.start(home);
      });
      afterAll(() => second.stop());

      it('happens once though both are about to do it', async () => {
        const { opened, open } = gate();
        const embedding = [service, second].map((one) => holdEmbedder(one, opened));
        const sent = [service, second].map((from) => send(store(), 'k', { from }));
        await Promise.all(embedding);
        open();
        const answers = await Promise.all(sent);
        const last = await send(store(), 'k', { from: second });
        expect(answers.map(({ status }) => status)).toContain(201);
        for (const answer of answers)
          if (answer.status === 201) expect(lasting(answer)).toEqual(lasting(last));
          else expect(problem(answer)).toEqual([409, 'idempotency_in_progress']);
        expect(await contents()).toEqual([MEMORY.content]);
      });

      it('makes 200 requests at once with 20 keys into 20 effects', async () => {
        await expectOneEffectEach([service, second]);
      });
    });
});
