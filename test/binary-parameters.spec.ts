import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkOptions } from '../src/config/load-options.js';
import { halfvec, halfvecArray, uuidArray, varbit, varbitArray } from '../src/database/binary-parameters.js';
import { Database } from '../src/database/database.js';
import { signBits } from '../src/recall/sign-bits.js';
import { currentTenant } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';

interface Row {
  id: string;
  bits: string;
  vector: string;
}

/** What a column of type `halfvec` takes at most. */
const MAX_DIMENSIONS = 16_000;

describeOnEachEngine('binary parameters', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    home = await createDatabase();
    const options = checkOptions({ database: home.settings });
    database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant, seed: home.seed });
  });
  afterAll(async () => {
    await database.close();
    await home.drop();
  });

  type Ask = <T extends object>(sql: string, parameters: unknown[]) => Promise<T[]>;
  /** Every way to a connection: they speak to the server each in its own manner. */
  const ways: [name: string, ask: Ask][] = [
    ['a statement alone', (sql, parameters) => database.query(sql, parameters)],
    ['a unit of work', (sql, parameters) => database.unitOfWork(() => database.query(sql, parameters))],
    ['the pool', async (sql, parameters) => (await database.pool.query(sql, parameters)).rows as never],
    ['the ORM', (sql, parameters) => database.dataSource.query(sql, parameters)],
  ];

  const rows = (count: number, dimensions: number) =>
    fc.array(fc.tuple(fc.uuid(), fc.integer().map(vectorOf(dimensions))), {
      minLength: count,
      maxLength: count,
    });
  const batches = fc
    .tuple(fc.constantFrom(0, 1, 2, 30), fc.integer({ min: 1, max: 4_000 }))
    .chain(([count, dimensions]) => fc.noShrink(rows(count, dimensions)));

  it.each(ways)('are what their text is, by %s', async (_, ask) => {
    await fc.assert(
      fc.asyncProperty(batches, (batch) => check(ask, batch)),
      { numRuns: 15, examples: [[[]]] },
    );
  });

  it.each([1, 8, 1_536, 4_000])('take 1,000 rows of %i dimensions', async (dimensions) => {
    const [batch = []] = fc.sample(rows(1_000, dimensions), 1);
    await check(database.query.bind(database), batch);
  });

  /** Compared in the database: a difference is told by its place, and not by a megabyte of numbers. */
  async function check(ask: Ask, batch: readonly (readonly [id: string, vector: number[]])[]): Promise<void> {
    const ids = batch.map(([id]) => id);
    const vectors = batch.map(([, vector]) => vector);
    const bits = vectors.map((vector) => signBits(vector));
    const found = await ask(
      `SELECT count(*)::int AS count, coalesce(array_agg(place) FILTER (WHERE
                id IS DISTINCT FROM id_text::uuid OR bits IS DISTINCT FROM bits_text::varbit
                OR vector <> vector_text::halfvec), '{}') AS differing
         FROM unnest($1::uuid[], $2::varbit[], $3::halfvec[], $4::text[], $5::text[], $6::text[])
              WITH ORDINALITY e (id, bits, vector, id_text, bits_text, vector_text, place)`,
      [
        uuidArray(ids),
        varbitArray(bits),
        halfvecArray(vectors),
        ids,
        bits.map(textOf),
        // Of many, some: to read the text of four million numbers takes half a minute.
        vectors.map((vector, i) => (i % Math.ceil(ids.length / 50) ? null : JSON.stringify(vector))),
      ],
    );
    expect(found).toEqual([{ count: batch.length, differing: [] }]);
  }

  it('take one vector and its bits', async () => {
    const vector = [1, 0.5, -0.25];
    const [row] = await database.query<Row>(`SELECT $1::varbit::text AS bits, $2::halfvec::text AS vector`, [
      varbit(Buffer.from('a5', 'hex')),
      halfvec(vector),
    ]);
    expect(row).toEqual({ bits: '10100101', vector: '[1,0.5,-0.25]' });
  });

  it('round every number of single precision as PostgreSQL rounds its text', async () => {
    const numbers = numbersThatDecide();
    for (let start = 0; start < numbers.length; start += MAX_DIMENSIONS) {
      const some = numbers.slice(start, start + MAX_DIMENSIONS);
      const [row] = await database.query<{ same: boolean }>(
        `SELECT $1::halfvec = $2::text::halfvec AS same`,
        [halfvec(some), JSON.stringify(some)],
      );
      expect({ start, same: row?.same }).toEqual({ start, same: true });
    }
  });

  it.each([
    ['infinite numbers', [1, Infinity]],
    ['numbers that are none', [NaN]],
    ['numbers too large', [1e6]],
    ['no number at all', []],
  ])('are refused with %s, and the connection goes on', async (_, vector) => {
    await expect(database.query(`SELECT $1::halfvec`, [halfvec(vector)])).rejects.toMatchObject({
      code: /^22/,
    });
    expect(await database.query(`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
  });
});

const vectorOf = (dimensions: number) => (seed: number) =>
  Array.from({ length: dimensions }, (_, i) => Math.sin(seed + i * i));

/** Every number of half precision, the middle to the next, and the numbers of single precision on both sides of it. */
function numbersThatDecide(): number[] {
  const single = new Float32Array(1);
  const word = new Uint32Array(single.buffer);
  const next = (value: number, step: number): number => {
    single[0] = value;
    word[0] = (word[0] as number) + step;
    return single[0];
  };
  const numbers: number[] = [];
  let before = 0;
  for (let bits = 1; bits < 0x7c00; bits++) {
    const [exponent, fraction] = [bits >> 10, bits & 0x3ff];
    const value = exponent ? (1 + fraction / 1_024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    const middle = (before + value) / 2;
    numbers.push(value, -middle, next(middle, -1), next(middle, 1));
    before = value;
  }
  return numbers;
}

function textOf(bits: Buffer): string {
  return Array.from(bits, (byte) => byte.toString(2).padStart(8, '0')).join('');
}
