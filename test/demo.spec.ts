import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CONVERSATION } from '../examples/demo-conversation.js';
import { FACTS, QUESTIONS } from '../examples/demo-knowledge.js';
import { runDemo } from '../examples/demo-main.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

const ESCAPE = '\u001b';

interface Run {
  code: number;
  out: string;
  errors: string;
}

async function demo(args: string[], settings: { colors?: boolean; url?: string } = {}): Promise<Run> {
  const run = { code: -1, out: '', errors: '' };
  run.code = await runDemo(args, {
    write: (text) => (run.out += text),
    writeError: (text) => (run.errors += text),
    colors: settings.colors ?? false,
    environment: settings.url ? { TRIPTYCH_URL: settings.url } : {},
  });
  return run;
}

/** The rows of one tier's table: what a section used, its cap, and how many messages were dropped. */
function tableOf(out: string, tier: string): { used: number; cap: number; dropped: number }[] {
  const table = out
    .slice(out.indexOf(`  ${tier} · a window`))
    .split('\n')
    .slice(1, 6);
  return table.map((row) => {
    const [, used = '', cap = ''] = /([\d,]+) of +([\d,]+)/.exec(row) ?? [];
    const number = (text: string): number => Number(text.replaceAll(',', ''));
    return { used: number(used), cap: number(cap), dropped: Number(/(\d+) dropped/.exec(row)?.[1] ?? 0) };
  });
}

describe('the conversation of the demo', () => {
  it('is long, of several people, with tool calls that are all answered', () => {
    expect(CONVERSATION.length).toBeGreaterThanOrEqual(60);
    const called = CONVERSATION.flatMap(({ tool_calls }) => tool_calls?.map(({ id }) => id) ?? []);
    const answered = CONVERSATION.flatMap(({ tool_call_id }) => tool_call_id ?? []);
    expect(called.length).toBeGreaterThan(0);
    expect(answered).toEqual(called);
  });

  it('says each fact that names a message', () => {
    const ids = CONVERSATION.map(({ id }) => id);
    for (const { from } of FACTS) if (from !== undefined) expect(ids).toContain(from);
  });
});

describeOnEachEngine('demo', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let run: Run;

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    run = await demo(['--url', `${service.url}/`]);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('shows where the tokens went, within the budget of each tier', () => {
    expect(run).toMatchObject({ code: 0, errors: '' });
    expect(run.out).toContain(`${CONVERSATION.length} messages appended`);
    for (const [tier, window] of [
      ['fast', 8_000],
      ['reasoning', 32_000],
    ] as const) {
      const rows = tableOf(run.out, tier);
      const total = rows.at(-1);
      expect(total?.cap).toBe(window);
      expect(rows.slice(0, 4).reduce((sum, { used }) => sum + used, 0)).toBe(total?.used);
      for (const { used, cap } of rows) expect(used).toBeLessThanOrEqual(cap);
    }
  });

  it('drops messages for the small tier alone, and shows what is remembered of them', () => {
    expect(tableOf(run.out, 'fast')[1]?.dropped).toBeGreaterThan(10);
    expect(tableOf(run.out, 'reasoning')[1]?.dropped).toBe(0);
    const remembered = run.out.slice(
      run.out.indexOf('no longer reads'),
      run.out.indexOf('reasoning · a window'),
    );
    expect(remembered).toContain('4,200 euro');
    expect(remembered).toContain('Henrik Solberg');
  });

  it('prints the receipt of the last compile for a person', () => {
    const printed = run.out.slice(run.out.indexOf('The receipt of the last compile'));
    expect(printed).toMatch(/tokens +[\d,]+ of 32,000 .*tier "?reasoning"?, counted in cl100k_base/);
    expect(printed).toMatch(/session history/);
    expect(printed).toMatch(/kept/);
  });

  it.each(QUESTIONS)('recalls the answer first: $query', ({ query, expected }) => {
    const [block = ''] = run.out.slice(run.out.indexOf(`“${query}”`)).split('\n\n');
    const [, first = '', ...others] = block.split(/\n {4}(?=[▮▯])/);
    expect(first.replaceAll(/\s+/g, ' ')).toContain(expected);
    expect(others).toHaveLength(2);
  });

  it('leaves nothing behind in a running service unless it is asked to', async () => {
    const tenant = service.as('demo');
    const threads = async (): Promise<unknown[]> =>
      ((await tenant.get('/v1/sessions')).body as { sessions: unknown[] }).sessions;
    const memories = async (): Promise<unknown[]> =>
      ((await tenant.get('/v1/memories')).body as { memories: unknown[] }).memories;
    expect([await threads(), await memories()]).toEqual([[], []]);
    expect(await demo(['--keep'], { url: service.url })).toMatchObject({ code: 0 });
    expect(await threads()).toHaveLength(1);
    expect(await memories()).toHaveLength(FACTS.length);
  });

  it('colours only for a terminal, and says the same', async () => {
    const colored = await demo(['--url', service.url], { colors: true });
    expect(run.out).not.toContain(`${ESCAPE}[`);
    expect(colored.out).toContain(`${ESCAPE}[32m`);
    const plain = colored.out.replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '');
    // Ids differ from run to run, and with them the tokens of the lines that carry them.
    const constant = (out: string): string[] =>
      out
        .split('\n')
        .filter((line) => !/birthday-\w{8}|[\d,]+ of +[\d,]+|[0-9a-f]{8}-|^ +hash|tokens|score/.test(line));
    expect(constant(plain)).toEqual(constant(run.out));
  });
});

describe('demo by itself', () => {
  it('starts a service of its own, and ends it', async () => {
    const { code, out } = await demo([]);
    expect(code).toBe(0);
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(out) ?? [];
    expect(out).toContain('started for this demo');
    await expect(fetch(`${url}/health/live`)).rejects.toThrow();
  });

  it('explains itself', async () => {
    expect(await demo(['--help'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('--url URL'),
    });
  });

  it('says what is wrong, and exits with 1', async () => {
    const silent = await demo(['--url', 'http://127.0.0.1:1']);
    expect(silent).toMatchObject({ code: 1, out: '' });
    expect(silent.errors).toContain('Nothing answers at http://127.0.0.1:1');
    expect(silent.errors).toContain('npm start');
    expect(await demo(['--url', 'nonsense'])).toMatchObject({ code: 1, out: '' });
    expect(await demo(['--nonsense'])).toMatchObject({ code: 1, out: '' });
  });
});
