import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { triptych, type Given, type Outcome } from '../support/triptych.js';

describeOnEachEngine('commands that ask a service', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let folder: string;

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    folder = mkdtempSync(join(tmpdir(), 'triptych-cli-'));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await service.stop();
    await database.drop();
  });

  const as = (tenant: string, args: readonly string[], given?: Given): Promise<Outcome> =>
    triptych({ TRIPTYCH_URL: service.url, TRIPTYCH_TENANT: tenant }, args, given);
  /** What is printed; fails when anything is said beside it. */
  const printed = async (args: readonly string[], given?: Given): Promise<string> => {
    const { status, stdout, stderr } = await as('acme', args, given);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  const json = async <T>(args: readonly string[], given?: Given): Promise<T> =>
    JSON.parse(await printed([...args, '--json'], given)) as T;
  const lines = async <T>(...args: string[]): Promise<T[]> =>
    (await printed([...args, '--json']))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);

  it('appends, shows, lists and clears a session', async () => {
    await printed(['session', 'append', 'trip', '--content', 'Two tickets to Lisbon, please.']);
    const piped = await json<{ version: number; messages: unknown[] }>(
      ['session', 'append', 'trip', '--role', 'assistant', '--content', '-'],
      { stdin: 'On Friday?\nOr on Monday?' },
    );
    expect(piped).toMatchObject({ threadId: 'trip', version: 2, messages: [{ seq: 2 }] });
    const shown = await lines<{ content: string }>('session', 'show', 'trip');
    expect(shown.map(({ content }) => content)).toEqual([
      'Two tickets to Lisbon, please.',
      'On Friday?\nOr on Monday?',
    ]);
    expect(await printed(['session', 'show', 'trip', '--limit', '1'])).toBe(
      '#2 assistant\nOn Friday?\nOr on Monday?\n\n',
    );
    // What was shown can be appended elsewhere.
    const copy = await printed(['session', 'show', 'trip', '--json']);
    await json(['session', 'append', 'copy', '--file', '-'], {
      stdin: copy.replaceAll(/"id":"[^"]+",/g, ''),
    });
    expect((await lines<{ threadId: string }>('session', 'list')).map(({ threadId }) => threadId)).toEqual([
      'copy',
      'trip',
    ]);
    expect(await lines('session', 'list', '--limit', '1')).toHaveLength(1);

    expect(await as('acme', ['session', 'clear', 'copy'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--yes') as unknown,
    });
    expect(await json(['session', 'clear', 'copy', '--yes'])).toEqual({ threadId: 'copy', cleared: true });
    expect(await as('acme', ['session', 'show', 'copy'])).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringContaining('[not_found]') as unknown,
    });
  });

  it('appends a file of more messages than a request takes, and says how far it is', async () => {
    const file = join(folder, 'chat.json');
    const messages = Array.from({ length: 1_001 }, (_, n) => ({ role: 'user', content: `Line ${n}.` }));
    writeFileSync(file, JSON.stringify({ model: 'any', messages }));
    const { status, stdout, stderr } = await as('acme', [
      'session',
      'append',
      'long',
      '--file',
      file,
      '--json',
    ]);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: '1000 of 1001 messages\n1001 of 1001 messages\n',
    });
    expect((JSON.parse(stdout) as { messages: unknown[] }).messages).toHaveLength(1_001);
    const quiet = await as('acme', ['session', 'append', 'quiet', '--file', file, '--quiet']);
    expect(quiet).toMatchObject({ status: 0, stderr: '' });
    expect((await lines<{ seq: number }>('session', 'show', 'long', '--all')).at(-1)?.seq).toBe(1_001);
    const terminal = await as('acme', ['session', 'append', 'shown', '--file', file], { isTerminal: true });
    expect(terminal.stderr).toBe('\r\u001b[K1000 of 1001 messages\r\u001b[K1001 of 1001 messages\r\u001b[K');
  });

  it('stores, finds, changes and deletes memories', async () => {
    const { memoryId } = await json<{ memoryId: string }>([
      ...['memory', 'add', 'The shop opens at eight.', '--agent', 'support'],
      ...['--metadata', '{"kind":"fact"}'],
    ]);
    const file = join(folder, 'facts.ndjson');
    writeFileSync(
      file,
      '{"content":"The shop sells bicycles."}\n{"content":"Tea is green.","agentId":"other"}\n',
    );
    const added = await lines<{ agentId: string }>('memory', 'add', '--file', file, '--agent', 'support');
    expect(added.map(({ agentId }) => agentId)).toEqual(['support', 'other']);

    const found = await printed(['memory', 'search', 'when does the shop open', '--limit', '2']);
    expect(found).toMatch(
      /^\d\.\d{4} {2}words \S+ {2}vectors \S+ {2}[\w-]{36} {2}The shop opens at eight\.\n/,
    );
    const { results } = await json<{ results: { memory: { memoryId: string } }[] }>(
      [...['memory', 'search', '-', '--agent', 'support', '--filter', '{"metadata.kind":"fact"}']],
      { stdin: 'shop\n' },
    );
    expect(results.map(({ memory }) => memory.memoryId)).toEqual([memoryId]);

    await printed(['memory', 'edit', memoryId, '--content', 'The shop opens at nine.', '--retract']);
    expect(await json(['memory', 'get', memoryId])).toMatchObject({
      content: 'The shop opens at nine.',
      retractedAt: expect.any(String) as unknown,
    });
    expect(await json(['memory', 'history', memoryId])).toMatchObject({
      revisions: [{ revision: 2 }, { revision: 1, content: 'The shop opens at eight.' }],
    });
    expect(await lines('memory', 'list', '--agent', 'support')).toHaveLength(2);
    expect(await printed(['memory', 'delete', memoryId])).toBe(`Deleted ${memoryId}.\n`);
    expect(await as('acme', ['memory', 'get', memoryId])).toMatchObject({ status: 3, stdout: '' });
    expect(await as('blue', ['memory', 'list'])).toMatchObject({ status: 0, stdout: '' });
  });

  it('compiles a context, and says where its tokens went', async () => {
    await printed(['session', 'append', 'account', '--content', 'What do I owe you?']);
    const compile = [
      'compile',
      'account',
      '--task',
      'Answer.',
      '--system',
      'You are a clerk.',
      '--tier',
      'fast',
    ];
    const account = await printed(compile);
    expect(account).toMatch(/^tier fast: \d+ of 8000 tokens, counted as cl100k_base$/m);
    expect(account).toMatch(/^session +\d+ +2800 {2}[█░]{20}$/m);
    expect(account).toMatch(/^session +\d+ {2}kept +newest_user_message +[\w-]{36}$/m);
    expect(account).toMatch(/sha256 [0-9a-f]{64}\n$/);
    const context = await json<{ tokenUsage: { total: number } }>(compile);
    expect(account).toContain(`tier fast: ${context.tokenUsage.total} of`);
    const prompt = JSON.parse(await printed([...compile, '--prompt'])) as { messages: { role: string }[] };
    expect(prompt.messages[0]).toMatchObject({ role: 'system' });
    expect(await as('acme', [...compile.slice(0, -1), 'gigantic'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('Known tiers: fast, reasoning. [unknown_tier]') as unknown,
    });
  });

  it('says which field the service does not accept', async () => {
    const refused = await as('acme', ['session', 'append', 't', '--file', '-'], {
      stdin: '[{"role":"robot"}]',
    });
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/messages\.0\.role: .*\[invalid_input\]/);
    const noJson = await as('acme', ['session', 'append', 't', '--file', '-'], { stdin: 'Hello' });
    expect(noJson).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('Line 1 is no JSON') as unknown,
    });
    const noFile = await as('acme', ['session', 'append', 't', '--file', join(folder, 'none')]);
    expect(noFile).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^ENOENT.*none'\.\n$/) as unknown,
    });
  });

  it('says who may ask when nobody is named', async () => {
    const { status, stderr } = await triptych({ TRIPTYCH_URL: service.url }, ['memory', 'list']);
    expect(status).toBe(4);
    expect(stderr).toMatch(/development mode: set TRIPTYCH_TENANT, or say --tenant\. \[tenant_required\]/);
    const keyed = { TRIPTYCH_URL: service.url, TRIPTYCH_API_KEY: 'triptych_acme.x_y' };
    expect(await triptych(keyed, ['memory', 'list'])).toMatchObject({ status: 4 });
  });
});

describe('commands that ask a service with keys', () => {
  let service: TestService;

  beforeAll(async () => {
    const home = {
      engine: 'embedded',
      settings: { dataDir: 'memory://' },
      drop: () => Promise.resolve(),
    } as const;
    service = await TestService.start(home, { auth: { mode: 'api-key' } });
  });
  afterAll(() => service.stop());

  it.each([
    [
      'a key that nobody has',
      { TRIPTYCH_API_KEY: 'triptych_acme.AAAAAAAAAAAA_secret' },
      /does not take this key: check TRIPTYCH_API_KEY/,
    ],
    ['a name alone', { TRIPTYCH_TENANT: 'acme' }, /not in development mode.*set TRIPTYCH_API_KEY/],
    ['nothing', {}, /Set TRIPTYCH_API_KEY/],
  ])('are not let in with %s', async (_what, credential, message) => {
    const { status, stdout, stderr } = await triptych({ TRIPTYCH_URL: service.url, ...credential }, [
      'memory',
      'list',
    ]);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('secret');
  });
});

describe('commands that ask what is no service', () => {
  let server: Server;

  beforeAll(async () => {
    server = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end('<html>'),
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('say that nobody answers, or somebody else', async () => {
    const { port } = server.address() as AddressInfo;
    const free = await freePort();
    const url = `http://127.0.0.1:${free}`;
    const absent = await triptych({ TRIPTYCH_URL: url }, ['compile', 't', '--task', 'x']);
    expect(absent).toMatchObject({ status: 5, stdout: '' });
    expect(absent.stderr).toMatch(/ECONNREFUSED\. Start the service with `triptych serve`/);
    const other = await triptych({}, ['memory', 'list', '--url', `http://127.0.0.1:${port}`]);
    expect(other).toMatchObject({ status: 5, stdout: '' });
    expect(other.stderr).toMatch(/text\/html.*Check that http:.* is a Triptych service/);
  });
});

/** One on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
