import { emptyCheckpoint, uuid6, type CheckpointMetadata } from '@langchain/langgraph-checkpoint';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { InvalidInputError } from '../../src/errors.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';

/** Texts that mean something to SQL, JSONPath, LIKE, a regular expression, JSON or an operator language. */
const HOSTILE = [
  `' OR '1'='1`,
  `'; DROP TABLE checkpoints.checkpoints; --`,
  `$1`,
  `$$`,
  `\\`,
  `\\'`,
  `"`,
  `""`,
  `/*`,
  '--',
  `') OR starts_with(thread_id, '`,
  '%',
  '_',
  '\\%',
  '.*',
  '^',
  '(?=a)',
  '[a-z]',
  '$',
  '$.tenant',
  '$.*',
  '$**',
  '$[*] ? (@ > 0)',
  '@>',
  '?',
  '?|',
  '$gt',
  '$ne',
  '$or',
  '$regex',
  '$exists',
  'source',
  'step',
  'parents',
  'tenant_id',
  'thread_id',
  'app.tenant_id',
  '4:acme:',
  '{}',
  '[]',
  'null',
  'true',
  '0',
  '1e309',
  '\\u0000',
  '',
  ' ',
  '\n',
  '\t',
  '\u001f',
  '\u2028',
  '\ufeff',
  '\u202e',
  'é',
  'e\u0301',
  'İ',
  'ß',
  '漢字',
  '🙂',
  '👩‍👩‍👧',
  'constructor',
  'toString',
  'lc',
];
/** What PostgreSQL cannot read, or JSON cannot say. */
const UNREADABLE = ['\0', 'a\0b', '\ud800', '\udc00', 'x\udfff', '__proto__'];

const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'grapheme', maxLength: 4 }).filter((s) => !s.includes('\0')),
);
const key = text.filter((name) => name !== '__proto__');
const scalar = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(0, -0, 1, -1, 1.5, 1e21, 5e-324, 9007199254740991, 1.7976931348623157e308),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 2, noNullPrototype: true }),
  ),
}));
const metadata = fc.dictionary(key, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true });

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Containment as PostgreSQL documents it for jsonb, below the top level, where a list holds no bare value. */
function contains(whole: Json | undefined, part: Json): boolean {
  if (Array.isArray(part))
    return Array.isArray(whole) && part.every((one) => whole.some((other) => contains(other, one)));
  if (typeof part === 'object' && part !== null) {
    if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return false;
    return Object.entries(part).every(
      ([name, one]) => Object.hasOwn(whole, name) && contains(whole[name], one),
    );
  }
  return whole === part;
}

describeOnEachEngine('filters of metadata', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  const TENANTS = ['acme', 'acme1', 'blue'];
  const rows = new Map<string, { id: string; metadata: Json }[]>();
  const all: Record<string, unknown>[] = [];
  let hits = 0;
  let asked = 0;

  const as = <T>(tenant: string, work: () => T): T => service.app.get(TenantContext).run(tenant, work);
  const answer = async (tenant: string, filter: Record<string, unknown>): Promise<string[]> =>
    as(tenant, async () => {
      const { checkpointer } = service.app.get(SessionStore);
      const ids: string[] = [];
      for await (const { config, metadata: stored } of checkpointer.list({ configurable: {} }, { filter })) {
        ids.push(config.configurable?.['checkpoint_id'] as string);
        expect((stored as unknown as { owner: string }).owner).toBe(tenant);
      }
      return ids.sort();
    });

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    const samples = fc.sample(metadata, { numRuns: 60, seed: 7 });
    all.push(...samples);
    const { checkpointer } = service.app.get(SessionStore);
    for (const [index, sample] of samples.entries())
      // Each in two tenants, so that a filter that forgets the tenant finds too much.
      for (const tenant of [TENANTS[index % 3] ?? '', TENANTS[(index + 1) % 3] ?? '']) {
        const id = uuid6(index);
        const kept = { ...sample, owner: tenant, source: 'loop', step: index, parents: {} };
        await as(tenant, () =>
          checkpointer.put(
            { configurable: { thread_id: `t${index % 5}`, checkpoint_ns: 'sub' } },
            { ...emptyCheckpoint(), id },
            kept as unknown as CheckpointMetadata,
            {},
          ),
        );
        const mine = rows.get(tenant) ?? [];
        mine.push({ id, metadata: JSON.parse(JSON.stringify(kept)) as Json });
        rows.set(tenant, mine);
      }
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  /** A piece of what is stored, so that there is something to find, or anything else. */
  const filter = fc.oneof(
    fc.nat().chain((nth) => {
      const sample = all[nth % Math.max(1, all.length)] ?? {};
      return fc
        .subarray(Object.entries(sample), { minLength: 1 })
        .map((entries) => Object.fromEntries(entries));
    }),
    metadata,
    fc.record({ source: value }),
    fc.constant({ source: 'loop' }),
  );

  it('answers what an in-memory filter over the tenant’s rows answers, and no more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...TENANTS), filter, async (tenant, wanted) => {
        const part = JSON.parse(JSON.stringify(wanted)) as Json;
        const expected = (rows.get(tenant) ?? [])
          .filter((row) => contains(row.metadata, part))
          .map(({ id }) => id);
        expect(await answer(tenant, wanted)).toEqual(expected.sort());
        asked += 1;
        if (expected.length > 0) hits += 1;
      }),
      { numRuns: 400 },
    );
    // Filters that find nothing would prove little.
    expect(hits).toBeGreaterThan(asked / 4);
    process.stdout.write(`filters · ${home.engine}: ${asked} asked, ${hits} with rows, 0 extra rows\n`);
  });

  it('refuses by name what PostgreSQL cannot read, wherever it stands', async () => {
    const shapes: ((bad: string) => Record<string, unknown>)[] = [
      (bad) => ({ [bad]: 1 }),
      (bad) => ({ a: { [bad]: 'x' } }),
      ...[(bad: string) => ({ a: bad }), (bad: string) => ({ a: [{ b: [bad] }] })].map(
        (shape) => (bad: string) => shape(bad === '__proto__' ? '\0' : bad),
      ),
    ];
    for (const bad of UNREADABLE)
      for (const shape of shapes) await expect(answer('acme', shape(bad))).rejects.toThrow(InvalidInputError);
    for (const bad of [NaN, Infinity, 1n, new Date(), (): number => 1])
      await expect(answer('acme', { a: bad })).rejects.toThrow(InvalidInputError);
  });
});
