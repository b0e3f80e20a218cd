import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniform } from '../bench/random.js';
import { formatSoak, main } from '../bench/soak-command.js';
import type { SoakReport } from '../bench/soak-run.js';
import { judge, type Series } from '../bench/soak-verdict.js';

const allowance = { absolute: 4, relative: 0.05 };
const random = uniform(7);
/** 60 samples of five minutes; `random` is from -0.5 to 0.5. */
const series = (valueAt: (seconds: number, random: number) => number): Series => ({
  ...{ name: 'heap', unit: 'MB', allowance },
  points: Array.from({ length: 60 }, (_, index) => [5 * index, valueAt(5 * index, random() - 0.5)] as const),
});

describe('whether a figure is flat', () => {
  it.each<[string, (seconds: number, random: number) => number]>([
    ['stays', () => 50],
    ['is noisy', (_seconds, noise) => 50 + 6 * noise],
    ['grows while the service warms up', (seconds) => 50 + Math.min(seconds, 50)],
    ['shrinks', (seconds) => 90 - seconds / 10],
    ['goes up and down as garbage comes and goes', (seconds) => 50 + (seconds % 25)],
    ['is wild now and then', (_seconds, noise) => (noise > 0.35 ? 500 : 50 + noise)],
    ['grows by less than is allowed', (seconds) => 50 + seconds / 100],
  ])('says that it is when it %s', (_what, valueAt) => {
    expect(judge(series(valueAt))).toMatchObject({ isFlat: true });
  });

  it.each<[string, (seconds: number, random: number) => number]>([
    ['grows steadily', (seconds) => 50 + seconds / 30],
    ['grows below noise', (seconds, noise) => 50 + seconds / 20 + 8 * noise],
    ['grows in one late step', (seconds) => (seconds < 180 ? 50 : 60)],
    ['grows in steps', (seconds) => 50 + 5 * Math.floor(seconds / 60)],
    ['is a sawtooth that rises', (seconds) => 50 + (seconds % 25) + seconds / 15],
  ])('says that it is not when it %s', (_what, valueAt) => {
    expect(judge(series(valueAt))).toMatchObject({ isFlat: false });
  });

  it('gives what it saw', () => {
    const { first, last, growth, allowed } = judge(series((seconds) => 100 + seconds));
    // After the warm-up of 59 s there are 48 samples, over 235 s.
    expect({ first, last, growth, allowed }).toEqual({
      first: 197.5,
      last: 357.5,
      growth: 235,
      allowed: expect.closeTo(9.875) as unknown,
    });
  });

  it('says nothing of a series that is only shown, and nothing of too few samples', () => {
    const { allowance: _, ...shown } = series((seconds) => seconds);
    expect(judge(shown).isFlat).toBeUndefined();
    expect(() => judge({ ...shown, points: shown.points.slice(0, 2) })).toThrow('too short');
  });
});

describe('npm run soak', () => {
  it('loads the service, watches it and gives its verdict', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-soak-test-'));
    const file = join(folder, 'figures.json');
    // The built one, since it starts a built service.
    const args = ['dist/bench/soak.js', '--minutes', '0.2', '--tenants', '2', '--json', file];
    const server = process.env['TEST_DATABASE_URL'];
    const { code, printed, told } = await new Promise<{ code: unknown; printed: string; told: string }>(
      (fulfil) => {
        const env = { PATH: process.env['PATH'] ?? '', ...(server && { DATABASE_URL: server }) };
        execFile(process.execPath, args, { env }, (error, stdout, stderr) => {
          fulfil({ code: error?.code ?? 0, printed: stdout, told: stderr });
        });
      },
    );
    expect(told).toMatch(/^\d+ s · heap .* 0 unexpected$/m);
    const report = JSON.parse(readFileSync(file, 'utf8')) as SoakReport;
    rmSync(folder, { recursive: true, force: true });
    expect(report).toMatchObject({ engine: server ? 'postgres' : 'embedded', unexpected: 0, examples: [] });
    expect(report.requests).toBeGreaterThan(10);
    expect(report.aborted).toBeGreaterThan(0);
    expect(report.verdicts.map(({ name }) => name)).toEqual([
      ...['heap', 'external', 'rss', 'files', 'sockets'],
      ...(server ? ['connections'] : []),
      'lagMs',
    ]);
    expect(printed).toBe(formatSoak(report));
    // So short a run is all warm-up: what it says may be either, and the exit code says the same.
    expect(code).toBe(report.isFlat ? 0 : 1);
  });

  it('refuses what it does not understand', async () => {
    for (const args of [['--minutes', '0'], ['--minutes', 'x'], ['--rate', '-1'], ['all'], ['--leak']]) {
      let told = '';
      const code = await main(args, {
        environment: {},
        print: () => undefined,
        tell: (text) => (told += text),
      });
      expect([code, told]).toEqual([1, expect.stringMatching(/--|argument/)]);
    }
  });
});
