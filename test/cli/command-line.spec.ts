import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import { triptych } from '../support/triptych.js';

const COMMANDS = [
  ...['serve', 'doctor', 'migrate', 'tenant', 'session', 'memory', 'compile', 'export', 'import'],
  ...['embeddings', 'mcp'],
];
/** Every command that does something. */
const LEAVES = [
  ...['serve', 'doctor', 'compile', 'export', 'import', 'mcp'],
  ...['migrate run', 'migrate revert', 'migrate show'],
  ...['create', 'list', 'create-key', 'keys', 'rotate', 'revoke', 'language', 'erase'].map(
    (name) => `tenant ${name}`,
  ),
  ...['list', 'show', 'append', 'clear', 'convert', 'prune'].map((name) => `session ${name}`),
  ...['add', 'search', 'list', 'get', 'history', 'edit', 'delete'].map((name) => `memory ${name}`),
  ...['status', 'retry', 'migrate', 'drop'].map((name) => `embeddings ${name}`),
];
/** Nobody listens there. */
const NOWHERE = { TRIPTYCH_URL: 'http://127.0.0.1:1', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

describe('triptych', () => {
  it('says what it can do, and its version', async () => {
    const { status, stdout, stderr } = await triptych({}, ['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    expect(await triptych({}, ['--version'])).toMatchObject({
      status: 0,
      stdout: `${packageJson.version}\n`,
    });
  });

  it.each([...COMMANDS, ...LEAVES])('%s has help with an example of it', async (name) => {
    const { status, stdout, stderr } = await triptych(NOWHERE, [...name.split(' '), '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: triptych ${name}`));
    expect(stdout).toMatch(/\n\nExamples:\n {2}\$ /);
    // A log has the manners of its own settings.
    expect(stdout.includes('--json')).toBe(!['serve', 'mcp'].includes(name));
  });

  it.each([
    ['nothing at all', '', /^Usage: triptych/],
    ['a group without a command', 'tenant', /^Usage: triptych tenant/],
    ['a command that nearly is one', 'tenat list', /Unknown command 'tenat'\n\(Did you mean tenant\?\)/],
    ['a command of a group that nearly is one', 'memory serch x', /Did you mean search\?/],
    [
      'an option that nearly is one',
      'tenant create acme --nme x',
      /Unknown option '--nme'\n\(Did you mean --name\?\)/,
    ],
    ['no argument where one is needed', 'revoke tenant', /Unknown command 'revoke'/],
    ['an argument too few', 'tenant create', /Missing required argument 'tenantId'/],
    ['an argument too many', 'tenant revoke a b', /Too many arguments for 'revoke'/],
    ['an option that is needed', 'export', /Required option '--tenant <tenantId>' not specified/],
    ['a value that is none', 'tenant create x --rate-limit=-1', /must be a whole number from 0 to 1000000/],
    ['half a number', 'tenant create x --daily-quota 1.5', /must be a whole number/],
    ['a control character', 'tenant create x --name a\u0007', /none of them a control character/],
    ['an unknown scope', 'tenant create-key x --scopes root', /must be of read, write, admin/],
    ['no duration', 'tenant create-key x --expires soon', /must be such as 10s, 30m, 24h or 90d/],
    ['a duration that is too long', 'tenant rotate x --overlap 9999d', /at most 3650d/],
    ['an unknown role', 'session append t --role robot --content x', /Allowed choices are system/],
    ['nothing to append', 'session append t', /append needs --content or --file/],
    ['neither a thread nor all', 'session prune --tenant a', /prune needs --thread or --all/],
    ['a thread and all', 'session prune --tenant a --all --thread x', /prune needs --thread or --all/],
    ['nothing to keep', 'session prune --tenant a --all --keep 0', /whole number from 1 to 999999/],
    ['a memory of nobody', 'memory add x', /add needs --agent/],
    ['no JSON', 'memory add x --agent a --metadata {', /--metadata must be a JSON object/],
    ['JSON that is no object', 'memory search x --filter [1]', /--filter must be a JSON object/],
    [
      'a number that is not kept',
      'memory add x --agent a --metadata {"order":12345678901234567890}',
      /--metadata holds the number 12345678901234567890, which is not kept exactly/,
    ],
    ['a key twice', 'memory edit x --metadata {"a":1,"a":2}', /--metadata names the key a twice/],
    [
      'a filter that would be altered',
      'memory search x --filter {"n":1e999}',
      /--filter holds the number 1e999/,
    ],
    ['a role of a file', 'session append t --role user --file x', /--role is of --content/],
    ['some and all', 'session show t --limit 3 --all', /Say --limit or --all/],
    [
      'a form without a prompt',
      'compile t --task x --format anthropic',
      /--format is of the prompt: add --prompt/,
    ],
    ['more than a search answers', 'memory search x --limit 1001', /whole number from 1 to 1000/],
    ['more than a context takes', 'compile t --task x --memory-limit 1001', /whole number from 0 to 1000/],
    ['a manner of what has only a log', 'serve --json', /Serve takes none of --json/],
    ['colours of the protocol', 'mcp --no-color', /Mcp takes none of --json, --quiet and --no-color/],
    ['no change', 'memory edit x', /edit needs --content/],
    ['a task that is missing', 'compile t', /Required option '--task <text>'/],
    ['a space that is none', 'embeddings drop --space m', /model\/dimensions/],
  ])('does not understand %s', async (_what, args, message) => {
    const outcome = await triptych(NOWHERE, args === '' ? [] : args.split(' '));
    expect(outcome).toMatchObject({ status: 2, stdout: '' });
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).toMatch(/--help/);
    expect(outcome.stderr).not.toContain('    at ');
  });

  it.each([
    ...[
      'tenant list',
      'tenant keys acme',
      'migrate show',
      'migrate run',
      'export --tenant acme',
      'embeddings status',
    ],
    ...['session prune --tenant acme --all', 'session convert --tenant acme'],
  ])('%s says that the database is not there, and what to do', async (args) => {
    const outcome = await triptych(NOWHERE, args.split(' '));
    expect(outcome).toMatchObject({ status: 5, stdout: '' });
    expect(outcome.stderr).toMatch(/^The database cannot be opened: .*ECONNREFUSED.*DATABASE_URL/);
    expect(outcome.stderr).not.toContain('    at ');
  });

  it('tells of settings by name, all at once', async () => {
    const outcome = await triptych({ PORT: 'x', DATABASE_URL: 'mysql://x', RATE_LIMIT: '-1' }, [
      'tenant',
      'list',
    ]);
    expect(outcome).toMatchObject({ status: 1, stdout: '' });
    for (const name of ['PORT', 'DATABASE_URL', 'RATE_LIMIT'])
      expect(outcome.stderr).toContain(`  ${name}: `);
  });

  it('takes the manners of all commands before and after the name of one', async () => {
    for (const args of [
      ['--json', 'doctor'],
      ['doctor', '--json'],
    ])
      expect(JSON.parse((await triptych(NOWHERE, args)).stdout)).toMatchObject({ isHealthy: false });
  });
});

describe('--quiet', () => {
  it('leaves what went wrong of what is logged', async () => {
    const { Terminal } = await import('../../src/cli/terminal.js');
    const { settingsOf } = await import('../../src/cli/settings.js');
    const { Logger } = await import('@nestjs/common');
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    await settingsOf(new Terminal({ environment: {}, stdin, stdout, stderr }, { quiet: true }));
    const logger = new Logger('Any');
    logger.log({ event: 'audit' });
    logger.warn('It is slow.');
    logger.error('It is gone.');
    expect(String(stderr.read())).toBe('"It is slow."\n"It is gone."\n');
    expect(stdout.read()).toBeNull();
  });
});

describe('a key of the service', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-key-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('cannot be an argument, which stands in the history of the shell', async () => {
    const { status, stderr } = await triptych(NOWHERE, ['memory', 'list', '--api-key', 'triptych_acme.x_y']);
    expect({ status, isUnknown: stderr.includes("Unknown option '--api-key'") }).toEqual({
      status: 2,
      isUnknown: true,
    });
  });

  it('is never shown, and names the tenant by itself', async () => {
    const file = join(folder, 'key');
    writeFileSync(file, 'triptych_acme.x_secret\n');
    const both = await triptych(NOWHERE, ['memory', 'list', '--api-key-file', file, '--tenant', 'blue']);
    expect(both).toMatchObject({ status: 1, stderr: expect.stringContaining('--tenant: the API key names') });
    const none = await triptych(NOWHERE, ['memory', 'list', '--api-key-file', join(folder, 'none')]);
    expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining('--api-key-file: ENOENT') });
    const absent = await triptych(NOWHERE, ['memory', 'list', '--api-key-file', file]);
    for (const { stderr } of [both, none, absent]) expect(stderr).not.toContain('secret');
  });

  it.each(['ftp://127.0.0.1', 'http://user:secret@127.0.0.1', 'nowhere'])(
    'is not sent to %s',
    async (url) => {
      const { status, stderr } = await triptych({}, ['memory', 'list', '--url', url]);
      expect(status).toBe(1);
      expect(stderr).toContain('--url: must be an http:// or https:// URL');
      expect(stderr).not.toContain('secret');
    },
  );
});

describe('limits', () => {
  it('are those of the service', async () => {
    const { MAX_MEMORIES } = await import('../../src/context/compile-request.js');
    const { MAX_RESULTS } = await import('../../src/memory/memory-query.js');
    const most = async (command: string, option: string): Promise<string> =>
      (await triptych(NOWHERE, [...command.split(' '), option, '9999999'])).stderr;
    expect(await most('memory search x', '--limit')).toContain(` to ${MAX_RESULTS}.`);
    expect(await most('compile t --task x', '--memory-limit')).toContain(` to ${MAX_MEMORIES}.`);
  });
});

describe('help', () => {
  it('loads no framework, no driver and no schema of settings', async () => {
    const loaded: string[] = [];
    for (const name of ['@nestjs/common', 'typeorm', 'pg', 'zod', 'fastify', 'triptych-client'])
      jest.doMock(name, () => {
        loaded.push(name);
        return {};
      });
    jest.resetModules();
    const { triptych: fresh } = await import('../support/triptych.js');
    await fresh({}, ['--help']);
    await fresh({}, ['memory', 'search', '--help']);
    expect(loaded).toEqual([]);
    await fresh({}, ['tenant', 'list']);
    expect(loaded).toContain('@nestjs/common');
  });
});
