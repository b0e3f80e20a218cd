import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { main } from '../bench/command.js';
import { interleave } from '../bench/interleave.js';
import type { Report } from '../bench/report.js';

/** Runs the command as it would run from a shell. */
async function bench(args: string[], environment: NodeJS.ProcessEnv = {}) {
  let printed = '';
  let told = '';
  const code = await main(args, {
    environment,
    print: (text) => (printed += text),
    tell: (text) => (told += text),
  });
  return { code, printed, told };
}

describe('the turns of the variants', () => {
  it('gives each variant the same samples, in changing order', async () => {
    const calls: string[] = [];
    const note = (name: string) => (sample: number) => Promise.resolve(calls.push(`${name}${sample}`));
    const timings = await interleave({ a: note('a'), b: note('b') }, { iterations: 4, callers: 1 });
    expect(calls).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2', 'b3', 'a3', 'a4', 'b4']);
    // The first is the warm-up.
    expect(timings).toMatchObject({ a: { samples: 4 }, b: { samples: 4 } });
  });

  it('keeps as many calls under way as there are callers', async () => {
    let under = 0;
    let most = 0;
    const operation = async () => {
      most = Math.max(most, (under += 1));
      await new Promise(setImmediate);
      under -= 1;
    };
    const timings = await interleave({ only: operation }, { iterations: 64, callers: 8 });
    expect(most).toBe(8);
    expect(timings['only']?.samples).toBe(64);
  });
});

describe('a request that cannot be met', () => {
  it.each<[what: string, args: string[], why: RegExp]>([
    ['no server', [], /neither DATABASE_URL nor TEST_DATABASE_URL is set\.\n.*\.ci\/postgres start/],
    ['an unknown suite', ['speed'], /no suite "speed"\. There are: isolation/],
    ['no iterations', ['--iterations', '0'], /--iterations must be a whole number from 1/],
    ['an unknown option', ['--fast'], /--fast/],
  ])('says so and fails: %s', async (_, args, why) => {
    const { code, printed, told } = await bench(args);
    expect(told).toMatch(why);
    expect({ code, printed }).toEqual({ code: 1, printed: '' });
  });

  it('names the remedy when the server does not answer', async () => {
    const { code, told } = await bench([], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect(code).toBe(1);
    expect(told).toMatch(/No database can be created .*\n.*\.ci\/postgres start/);
  });

  it('lists every option and suite on --help', async () => {
    const { code, printed } = await bench(['--help']);
    expect(code).toBe(0);
    for (const word of ['--iterations', '--tenants', '--largest', '--json', '--help', 'isolation'])
      expect(printed).toContain(word);
  });
});

const server = process.env['TEST_DATABASE_URL'];
(server ? describe : describe.skip)('the suite of isolation · postgres', () => {
  it('measures every read and write in each variant, prints a table and leaves no database behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-bench-'));
    const json = join(folder, 'figures.json');
    const before = await databases();
    const { code, printed } = await bench(
      ['isolation', '--tenants', '2', '--largest', '20', '--iterations', '2', '--json', json],
      { TEST_DATABASE_URL: server },
    );
    const report = JSON.parse(readFileSync(json, 'utf8')) as Report;
    rmSync(folder, { recursive: true });

    expect(code).toBe(0);
    const [head = '', ...rows] = printed.split('\n');
    expect(head).toMatch(/^operation +callers +isolated p50 +p95 +without p50 .*× without +× bare SQL$/);
    expect(
      rows.filter((row) => /^(read|write) · /.test(row)).every((row) => row.length === head.length),
    ).toBe(true);
    expect(printed).toContain(`node ${process.versions.node}`);
    expect(printed).toMatch(/Target for reads: × without ≤ 1\.3; /);
    const figures = report.suites[0]?.comparisons ?? [];
    expect(figures).toHaveLength(18);
    for (const { operation, timings } of figures)
      expect(Object.keys(timings)).toEqual([
        'isolated',
        'without',
        ...(operation.startsWith('read') ? ['bare SQL'] : []),
      ]);
    expect(await databases()).toEqual(before);
  });

  async function databases(): Promise<string[]> {
    const client = new pg.Client(server);
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database WHERE datname LIKE 'triptych\\_bench\\_${process.pid}\\_%'`,
    );
    await client.end();
    return rows.map(({ name }) => name);
  }
});
