// Over 200 lines: each command that asks a service, and what can go wrong on the way there and back.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { triptych, type Given, type Outcome } from '../support/triptych.js';
import { freePort } from '../support/free-port.js';

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

  it('sends no more at once than a request may hold, and says what to do where one thing is too large', async () => {
    const messages = (count: number, length: number): string =>
      JSON.stringify(Array.from({ length: count }, () => ({ role: 'user', content: 'x'.repeat(length) })));
    const append = ['session', 'append', 'heavy', '--file', '-'];
    const { status, stderr } = await as('acme', append, { stdin: messages(1_000, 1_100) });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^[78]\d\d of 1000 messages\n1000 of 1000 messages\n$/) as unknown,
    });
    const large = await as('acme', append, { stdin: messages(1, 1_100_000) });
    expect(large).toMatchObject({ status: 1, stdout: '' });
    expect(large.stderr).toMatch(/Set a larger BODY_LIMIT.*\[body_too_large\]/);
    const facts = Array.from({ length: 250 }, (_, n) => ({ content: `Fact ${n}. ${'x'.repeat(9_000)}` }));
    const add = await as('heavy', ['memory', 'add', '--file', '-', '--agent', 'a'], {
      stdin: JSON.stringify({ memories: facts }),
    });
    expect(add).toMatchObject({ status: 0 });
    expect(add.stdout.trim().split('\n')).toHaveLength(250);
    expect(add.stderr.trim().split('\n')).toHaveLength(3);
  });

  it('sends what it read and nothing else, or refuses it', async () => {
    await as('first', ['memory', 'add', 'The shop opens at eight.', '--agent', 'a', '--metadata', '{"n":1}']);
    const listed = await as('first', ['memory', 'list', '--json']);
    const again = await as('copied', ['memory', 'add', '--file', '-', '--json'], { stdin: listed.stdout });
    expect(again).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(again.stdout)).toMatchObject({ agentId: 'a', metadata: { n: 1 }, tenantId: 'copied' });
    const unknown = '{"content":"The shop closes at six.","expires":"2027-01-01"}';
    expect(
      await as('copied', ['memory', 'add', '--file', '-', '--agent', 'a'], { stdin: unknown }),
    ).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('expires') as unknown,
    });
    const latin1 = Buffer.from('Größe 12', 'latin1');
    const altered: [args: string[], stdin: string | Buffer, message: RegExp][] = [
      [
        ['memory', 'add', '--file', '-', '--agent', 'a'],
        '{"content":"c"}\n{"content":"c","metadata":{"n":9007199254740993}}',
        /^Line 2 holds the number 9007199254740993/,
      ],
      [
        ['memory', 'add', '--file', '-', '--agent', 'a'],
        '[{"content":"c","content":"d"}]',
        /^The text names the key content twice/,
      ],
      [
        ['session', 'append', 'exact', '--file', '-'],
        '{"role":"user","content":"c","n":1e999}',
        /^The text holds the number 1e999/,
      ],
      [['memory', 'add', '-', '--agent', 'a'], latin1, /^Standard input is not UTF-8\./],
      [['session', 'append', 'exact', '--content', '-'], latin1, /^Standard input is not UTF-8\./],
    ];
    for (const [args, stdin, message] of altered) {
      const refused = await as('exact', args, { stdin });
      expect({ args, ...refused }).toMatchObject({ args, status: 2, stdout: '' });
      expect(refused.stderr).toMatch(message);
    }
    expect((await as('exact', ['memory', 'list'])).stdout).toBe('');
    const file = join(folder, 'latin1.json');
    writeFileSync(file, Buffer.from('[{"role":"user","content":"Größe"}]', 'latin1'));
    expect(await as('exact', ['session', 'append', 'exact', '--file', file])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('latin1.json is not UTF-8.') as unknown,
    });
    expect(await as('exact', ['session', 'append', 'exact', '--file', folder])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: `${folder} is a folder, not a file.\n`,
    });
  });

  it('leaves out the end of the last line of what is piped in, wherever that is', async () => {
    await as('piped', ['session', 'append', 'piped', '--content', '-'], { stdin: 'Hello.\n' });
    await as('piped', ['memory', 'add', '-', '--agent', 'a'], { stdin: 'Hello.\r\n' });
    expect(JSON.parse((await as('piped', ['session', 'show', 'piped', '--json'])).stdout)).toMatchObject({
      content: 'Hello.',
    });
    expect(JSON.parse((await as('piped', ['memory', 'list', '--json'])).stdout)).toMatchObject({
      content: 'Hello.',
    });
    const prompt = await as('piped', ['compile', 'piped', '--task', '-', '--prompt'], { stdin: 'Answer.\n' });
    expect(prompt.stdout).not.toContain('Answer.\\n');
  });

  it('shows a person no control characters of what is stored, and a program the text as it is', async () => {
    const content = 'Red: \u001b[31m\u001b]0;title\u0007 \u009b2J, turned: \u202eabc\r\nend\tof\r\u007f';
    const shown =
      'Red: \\u{1b}[31m\\u{1b}]0;title\\u{7} \\u{9b}2J, turned: \\u{202e}abc\r\nend\tof\\u{d}\\u{7f}';
    const ask = async (...args: string[]): Promise<string> => (await as('hostile', args)).stdout;
    await ask('session', 'append', 'hostile', '--content', content);
    await ask('memory', 'add', content, '--agent', 'a');
    expect(await ask('session', 'show', 'hostile')).toBe(`#1 user\n${shown}\n\n`);
    expect(JSON.parse(await ask('session', 'show', 'hostile', '--json'))).toMatchObject({ content });
    const { memoryId } = JSON.parse(await ask('memory', 'list', '--json')) as { memoryId: string };
    expect(await ask('memory', 'get', memoryId)).toContain(shown);
    for (const args of [['list'], ['search', 'red turned'], ['history', memoryId]])
      expect(await ask('memory', ...args)).toMatch(/Red: \\u\{1b\}\[31m/);
    for (const args of [['list'], ['search', 'red turned'], ['history', memoryId], ['get', memoryId]])
      expect((await ask('memory', ...args)).replaceAll(/[\r\n\t]/g, '')).not.toMatch(/\p{Cc}/u);
  });

  it('asks before it clears, and takes no for an answer', async () => {
    await printed(['session', 'append', 'kept', '--content', 'Keep me.']);
    const clear = (given: Given): Promise<Outcome> => as('acme', ['session', 'clear', 'kept'], given);
    const said = expect.stringMatching(/Nothing was done\.\n$/) as unknown;
    const isTerminal = true;
    expect(await clear({ isTerminal, stdin: '\u0003' })).toMatchObject({ status: 130, stderr: said });
    expect(await clear({ isTerminal, stdin: '\u0004' })).toMatchObject({ status: 1, stderr: said });
    expect(await clear({ isTerminal })).toMatchObject({ status: 1, stderr: said });
    expect(await clear({ isTerminal: 'input' })).toMatchObject({ status: 1, stderr: said });
    expect(await clear({ isTerminal, stdin: 'keep\n' })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Nothing was done: "keep" is not kept.') as unknown,
    });
    expect(await clear({ isTerminal: 'input', stdin: 'kept\n' })).toMatchObject({
      status: 0,
      stdout: 'Cleared kept.\n',
    });
  });

  it('stops to list for a reader who has left, and goes on to store', async () => {
    const content = 'x'.repeat(200);
    const file = join(folder, 'many.ndjson');
    writeFileSync(file, `${JSON.stringify({ content })}\n`.repeat(1_200));
    const args = [
      'memory',
      'add',
      '--file',
      file,
      '--agent',
      'many',
      '--tenant',
      'unread',
      '--url',
      service.url,
    ];
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/triptych.ts', ...args], {
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await once(child, 'exit')).toEqual([0, null]);
    const { stdout: all } = await as('unread', ['memory', 'list']);
    expect(all.trim().split('\n')).toHaveLength(1_200);
    const { status, stdout } = await as('unread', ['memory', 'list'], { isUnread: true });
    expect(status).toBe(0);
    expect(stdout.trim().split('\n').length).toBeLessThan(1_200);
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
    const asKeyed = await triptych(keyed, ['memory', 'list']);
    expect(asKeyed.status).toBe(4);
    expect(asKeyed.stderr).toMatch(/development mode: unset TRIPTYCH_API_KEY and set TRIPTYCH_TENANT/);
    const key = join(folder, 'key');
    writeFileSync(key, 'triptych_acme.x_y');
    const byFile = await triptych({ TRIPTYCH_URL: service.url }, ['memory', 'list', '--api-key-file', key]);
    expect(byFile.stderr).toMatch(/leave --api-key-file out and set TRIPTYCH_TENANT, or say --tenant/);
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

describe('serve', () => {
  let child: ChildProcess;

  afterAll(() => {
    child.kill('SIGKILL');
  });

  it('goes on when nobody reads its log, and stops as it is told', async () => {
    child = spawn(process.execPath, ['dist/src/cli/triptych.js', 'serve'], {
      env: { PATH: process.env['PATH'] ?? '', DATA_DIR: 'memory://', PORT: '0', LOG_FORMAT: 'pretty' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exit = once(child, 'exit');
    child.stdout?.destroy();
    let said = '';
    const told = new Promise((resolve) => {
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('listens on')) resolve(undefined);
      });
    });
    await Promise.race([told, exit]);
    const [, url] = /listens on (\S+);/.exec(said) ?? [];
    expect({ said, url }).toMatchObject({ url: expect.stringMatching(/^http:/) as unknown });
    expect((await fetch(`${url ?? ''}/health/live`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
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
