import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { ContextReceipts } from '../../src/context/context-receipts.js';
import { Database } from '../../src/database/database.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { threadKey } from '../../src/tenancy/thread-key.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { receiptOf } from '../support/receipts.js';
import { TestService } from '../support/service.js';
import { fingerprint, tenantTables } from '../support/tenant-tables.js';

interface Operation {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  /** The parameter of the path, or the field of the body, that names an object. */
  id?: 'threadId' | 'memoryId' | 'receiptId';
  inBody: boolean;
}
interface OpenApi {
  paths: Record<
    string,
    Record<string, { requestBody?: { content: Record<string, { schema: { $ref: string } }> } }>
  >;
  components: { schemas: Record<string, { properties?: object }> };
}

/** What each route needs beside an id; a route that is not here and needs a body fails the first test. */
const BODIES: Readonly<Record<string, object>> = {
  'POST /v1/sessions/{threadId}/messages': { messages: [{ role: 'user', content: 'mine', id: 'm1' }] },
  'POST /v1/memories': { agentId: 'agent', content: 'mine' },
  'POST /v1/memories/batch': { memories: [{ agentId: 'agent', content: 'mine' }] },
  'POST /v1/memories/search': { query: 'the secret that is kept', limit: 100 },
  'PATCH /v1/memories/{memoryId}': { content: 'taken over' },
  'POST /v1/context/compile': {
    systemPrompt: 'Be brief.',
    task: { description: 'Tell the secret that is kept.' },
    memoryLimit: 100,
  },
};
const VICTIMS = ['acme', 'acme1'] as const;
/** One with rows of its own, one with none, and three whose names are nearly a victim's. */
const ATTACKERS = ['blue', 'nobody', 'acm', 'Acme', 'acme.1'] as const;
/** What an attacker adds to a request, hoping that something believes it. */
const DRESSINGS: readonly ((victim: string) => { query?: string; headers?: Record<string, string> })[] = [
  () => ({}),
  (victim) => ({ query: `tenantId=${victim}&tenant_id=${victim}` }),
  (victim) => ({ headers: { authorization: `Bearer ${victim}` } }),
  (victim) => ({ headers: { 'x-tenant': victim, 'x-forwarded-tenant-id': victim } }),
  (victim) => ({ headers: { cookie: `tenant=${victim}; x-tenant-id=${victim}` } }),
  (victim) => ({
    headers: { 'x-http-method-override': 'GET', 'x-original-url': `/v1/memories?tenant=${victim}` },
  }),
  (victim) => ({ headers: { 'idempotency-key': victim, 'if-none-match': '*' } }),
];
/** Objects of each kind that a victim has; the embedded engine is slower, and takes the smaller share. */
const OBJECTS = { embedded: 5, postgres: 14 } as const;
/** 10,000 over both. */
const LEAST_ATTEMPTS = { embedded: 2_500, postgres: 7_500 } as const;
const AT_ONCE = 8;

describeOnEachEngine('leak matrix', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let operations: Operation[];
  let objects: number;
  let keys = 0;
  const markers = new Map<string, string>();
  const memories = new Map<string, string[]>();
  const receipts = new Map<string, string[]>();
  const cursors = new Map<string, string[]>();
  const threadOf = (tenant: string, index: number): string => `${tenant.padEnd(8, '-')}trip-${index}`;

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    objects = OBJECTS[home.engine];
    operations = operationsOf((await service.send('GET', '/docs-json')).body);
    for (const tenant of [...VICTIMS, 'blue']) {
      const marker = randomUUID();
      const client = service.as(tenant);
      markers.set(tenant, marker);
      const stored = await client.post('/v1/memories/batch', {
        memories: Array.from({ length: objects }, (_, index) => ({
          agentId: 'agent',
          content: `the secret ${marker} that is kept ${index}`,
          metadata: { marker },
        })),
      });
      memories.set(
        tenant,
        (stored.body as { memories: { memoryId: string }[] }).memories.map((m) => m.memoryId),
      );
      for (let index = 0; index < objects; index += 1)
        await client.post(`/v1/sessions/${threadOf(tenant, index)}/messages`, {
          messages: [{ role: 'user', content: `secret ${marker}` }],
        });
      receipts.set(
        tenant,
        Array.from({ length: objects }, (_, index) => keepReceipt(tenant, threadOf(tenant, index), marker)),
      );
      const pages = [await client.get('/v1/memories?limit=2'), await client.get('/v1/sessions?limit=2')];
      cursors.set(
        tenant,
        pages.map(({ body }) => (body as { nextCursor: string }).nextCursor),
      );
    }
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  const keepReceipt = (tenant: string, threadId: string, marker: string): string => {
    const kept = service.app.get(ContextReceipts);
    const receiptId = kept.newId();
    const receipt = receiptOf(1, { items: receiptOf(1).items.map((item) => ({ ...item, id: marker })) });
    service.app.get(TenantContext).run(tenant, () => {
      kept.keep({ receiptId, threadId, receipt, fingerprints: [] });
    });
    return receiptId;
  };
  const send = async (
    { method, path, id, inBody }: Operation,
    tenant: string,
    value: string,
    { query, headers = {} }: { query?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; headers: object; text: string }> => {
    const url = path.replace(/\{\w+\}/, encodeURIComponent(value)) + (query ? `?${query}` : '');
    const body = BODIES[`${method} ${path}`];
    const payload = body && { ...body, ...(inBody && id && { [id]: value }) };
    // Of each request its own: what an attacker's key was used for before is told to the attacker.
    const { 'idempotency-key': key, ...others } = headers;
    const answer = await service.app.inject({
      method,
      url,
      headers: {
        'x-tenant-id': tenant,
        ...others,
        ...(key !== undefined && { 'idempotency-key': `${key}-${(keys += 1)}` }),
      },
      ...(payload && { payload }),
    });
    const { 'x-request-id': _, date: __, ...rest } = answer.headers;
    return { status: answer.statusCode, headers: rest, text: answer.payload };
  };
  const expectNothingOf = (victim: string, text: string): void => {
    if (text.includes(markers.get(victim) ?? '') || text.includes(`"${threadOf(victim, 0)}"`))
      throw new Error(`A row of ${victim} was shown: ${text.slice(0, 500)}`);
    for (const memory of memories.get(victim) ?? [])
      if (text.includes(`"memoryId":"${memory}"`)) throw new Error(`${memory} of ${victim} was shown.`);
    for (const receipt of receipts.get(victim) ?? [])
      if (text.includes(`"receiptId":"${receipt}"`)) throw new Error(`${receipt} of ${victim} was shown.`);
  };

  it('knows a body for every route that wants one, and finds the routes with ids', () => {
    const wanting = operations.filter(({ method }) => method !== 'GET' && method !== 'DELETE');
    expect(wanting.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(BODIES).sort());
    const named = operations.filter(({ id }) => id).map(({ method, path }) => `${method} ${path}`);
    expect(named).toEqual(
      expect.arrayContaining([
        'GET /v1/memories/{memoryId}',
        'GET /v1/context/receipts/{receiptId}',
        'POST /v1/context/compile',
        'DELETE /v1/sessions/{threadId}',
      ]),
    );
  });

  it('answers a foreign id as it answers a random one, byte for byte, on every route', async () => {
    const database = service.app.get(Database);
    const tables = await tenantTables(home, database);
    const fingerprints = (): Promise<string[]> =>
      Promise.all(VICTIMS.map((victim) => fingerprint(home, database, tables, victim)));
    await service.app.get(ContextReceipts).settled();
    const before = await fingerprints();
    const ofReceipts = operations.filter(({ id }) => id === 'receiptId');
    const ofThreads = operations.filter(({ id }) => id === 'threadId').sort(writesLast);
    const ofMemories = operations.filter(({ id }) => id === 'memoryId');
    const clean = ofThreads.filter(({ method }) => method === 'DELETE');
    const statuses = new Map<number, number>();
    const leaks: string[] = [];
    let attempts = 0;

    const attempt = async (
      operation: Operation,
      attacker: string,
      victim: string,
      foreign: string,
      random: string,
      dressing: { query?: string; headers?: Record<string, string> },
    ): Promise<void> => {
      const [one, other] = await Promise.all([
        send(operation, attacker, foreign, dressing),
        send(operation, attacker, random, dressing),
      ]);
      attempts += 1;
      statuses.set(one.status, (statuses.get(one.status) ?? 0) + 1);
      const first = JSON.stringify(one);
      const same = without(first, foreign) === without(JSON.stringify(other), random);
      if (!same || first.includes(markers.get(victim) ?? ''))
        leaks.push(`${attacker} ${operation.method} ${operation.path} ${foreign}: ${first.slice(0, 300)}`);
    };
    const campaigns = ATTACKERS.flatMap((attacker) =>
      VICTIMS.flatMap((victim) =>
        Array.from({ length: objects }, (_, index) => async (): Promise<void> => {
          const memory = (memories.get(victim) ?? [])[index] ?? '';
          const plain = threadOf(victim, index);
          const receipt = (receipts.get(victim) ?? [])[index] ?? '';
          // Every third in another spelling, by which a careless layer might find the row all the same.
          const [asked, thread] =
            index % 3 === 2 ? [memory.toUpperCase(), threadKey(victim, plain)] : [memory, plain];
          for (const dress of DRESSINGS) {
            const dressing = dress(victim);
            const random = randomText(thread.length);
            for (const operation of ofMemories)
              await attempt(operation, attacker, victim, asked, randomUUID(), dressing);
            for (const operation of ofReceipts)
              await attempt(operation, attacker, victim, receipt, randomUUID(), dressing);
            for (const operation of [...ofThreads, ...clean])
              await attempt(operation, attacker, victim, thread, random, dressing);
          }
        }),
      ),
    );
    await inTurn(campaigns, AT_ONCE);

    expect(leaks).toEqual([]);
    expect(attempts).toBeGreaterThanOrEqual(LEAST_ATTEMPTS[home.engine]);
    expect([...statuses.keys()].sort()).toEqual(expect.arrayContaining([200, 201, 204, 404]));
    expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
    expect(await fingerprints()).toEqual(before);
    process.stdout.write(
      `leak matrix · ${home.engine}: ${attempts} attempts, ${leaks.length} leaks, ${JSON.stringify([...statuses])}\n`,
    );
  }, 600_000);

  it('shows nothing of another tenant in a list, a search or a compiled context', async () => {
    const open = operations.filter(({ path }) => path.startsWith('/v1/') && !path.includes('{'));
    let attempts = 0;
    for (const attacker of ATTACKERS)
      for (const victim of VICTIMS)
        for (const dress of DRESSINGS)
          for (const operation of open) {
            const { headers = {}, query = '' } = dress(victim);
            const more =
              operation.method === 'GET'
                ? [
                    '',
                    'agentId=agent',
                    `threadId=${threadOf(victim, 0)}`,
                    ...(cursors.get(victim) ?? []).map((cursor) => `cursor=${cursor}`),
                  ]
                : [''];
            for (const extra of more) {
              const dressing = { headers, query: [query, extra].filter(Boolean).join('&') };
              const { text, status } = await send(operation, attacker, threadOf(victim, 1), dressing);
              attempts += 1;
              if (status >= 500) throw new Error(`${operation.path} answered ${status}: ${text}`);
              expectNothingOf(victim, text);
            }
          }
    expect(attempts).toBeGreaterThan(500);
    // The same look at a victim's own answers finds it, so it can tell.
    const query = `threadId=${threadOf(VICTIMS[0], 0)}`;
    for (const [path, dressing] of [
      ['/v1/memories', {}],
      ['/v1/context/receipts', { query }],
    ] as const) {
      const own = await send({ method: 'GET', path, inBody: false }, VICTIMS[0], '', dressing);
      expect(() => {
        expectNothingOf(VICTIMS[0], own.text);
      }).toThrow('was shown');
    }
    process.stdout.write(`lists, searches, compiles · ${home.engine}: ${attempts} attempts, 0 leaks\n`);
  });
});

/** Every route of the document, and where it takes the id of an object. */
function operationsOf({ paths, components }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([verb, { requestBody }]) => {
      const method = verb.toUpperCase() as Operation['method'];
      const inPath = /\{(\w+)\}/.exec(path)?.[1];
      const schema = requestBody?.content['application/json']?.schema.$ref.split('/').at(-1) ?? '';
      const fields = Object.keys(components.schemas[schema]?.properties ?? {});
      const id = inPath ?? fields.find((field) => field === 'threadId' || field === 'memoryId');
      if (id !== undefined && id !== 'threadId' && id !== 'memoryId' && id !== 'receiptId')
        throw new Error(`${path}: ids named ${id} are new to this test.`);
      return { method, path, inBody: inPath === undefined, ...(id !== undefined && { id }) };
    }),
  );
}

/** A POST begins a thread of the attacker's own under that id, so everything else asks before it. */
function writesLast(a: Operation, b: Operation): number {
  const rank = ({ method, path }: Operation): number => (method === 'POST' && path.includes('{') ? 1 : 0);
  return rank(a) - rank(b);
}

/** An answer with the id that the caller sent taken out, and the moment of storing. */
function without(text: string, id: string): string {
  return text.replaceAll(id, '<id>').replaceAll(/"createdAt\\":\\"[^"]+"/g, '<moment>');
}

function randomText(length: number): string {
  return randomUUID().repeat(3).slice(0, length);
}

async function inTurn(jobs: (() => Promise<void>)[], atOnce: number): Promise<void> {
  const waiting = jobs.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const job of waiting) await job();
    }),
  );
}
