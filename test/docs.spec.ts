import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { loadOptions, VARIABLE_NAMES } from '../src/config/load-options.js';
import * as errors from '../src/errors.js';
import { HTTP_PROBLEM_CODES, problemOf } from '../src/http/problem.js';
import { checkSnippets } from './support/check-snippets.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { anchors, DOCUMENTS, fencedBlocks, relativeLinks, tableRows, textOf } from './support/markdown.js';
import { TestService } from './support/service.js';

const SERVED_AT = 'http://127.0.0.1:3000';
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const run = promisify(execFile);

describe('docs/errors.md', () => {
  /** What a constructor is given when a text will not do. */
  const given: Readonly<Record<string, unknown[]>> = {
    InvalidInputError: [[]],
    UnknownTierError: ['tier', []],
  };
  const registered = Object.entries(errors)
    .filter(([name]) => name !== 'TriptychError')
    .map(([name, value]) => {
      const AnyError = value as unknown as new (...values: unknown[]) => errors.TriptychError;
      const { code, status } = new AnyError(...(given[name] ?? ['text']));
      return [`\`${code}\``, String(status), `\`${name}\``];
    });
  const internal = problemOf(new Error('a defect'));
  const ofHttp = [...HTTP_PROBLEM_CODES, [internal.status, internal.code] as const].map(([status, code]) => [
    `\`${code}\``,
    String(status),
    '–',
  ]);

  it('lists exactly the errors that there are', () => {
    const rows = tableRows('docs/errors.md').slice(2);
    expect(rows.map((row) => row.slice(0, 3)).sort()).toEqual([...registered, ...ofHttp].sort());
  });

  it('says of each when it comes and what to do', () => {
    const sentence: unknown = expect.stringMatching(/^[A-Z`].{10,}\.$/);
    for (const [code, , , when, remedy, ...more] of tableRows('docs/errors.md').slice(2))
      expect([code, when, remedy, more]).toEqual([code, sentence, sentence, []]);
  });
});

describe('.env.example', () => {
  const lines = Array.from(textOf('.env.example').matchAll(/^# ([A-Z_]+)=(.*)$/gm));
  const variables = lines.map(([, name = '', value = '']) => [name, value.replace(/^'(.*)'$/, '$1')]);

  it('names every variable once, and no other', () => {
    expect(variables.map(([name]) => name).sort()).toEqual([...VARIABLE_NAMES].sort());
    expect(textOf('.env.example')).not.toMatch(/^[^#\n]/m);
  });

  it('shows the default of each, so that uncommenting all of it changes nothing', () => {
    expect(loadOptions(Object.fromEntries(variables) as NodeJS.ProcessEnv)).toEqual(loadOptions({}));
    const empty = variables.filter(([, value]) => value === '').map(([name]) => name);
    expect(empty).toEqual([
      'DATABASE_URL',
      'NODE_ENV',
      'JWT_ISSUER',
      'JWT_AUDIENCE',
      'JWT_JWKS_URL',
      'RATE_LIMIT',
      'TENANT_CONCURRENCY',
      'OPENAI_API_KEY',
      'OPENAI_BASE_URL',
      'SUMMARY_MODEL',
      'SUMMARY_BASE_URL',
      'SUMMARY_API_KEY',
      'TOKEN_MODEL',
      'TOKEN_ENCODING',
    ]);
  });
});

describe('the documentation', () => {
  it('tells of every setting how a host application names it', () => {
    const told = tableRows('docs/nest.md').map((cells) => cells.join(' '));
    expect(VARIABLE_NAMES.filter((name) => !told.some((row) => row.includes(`\`${name}\``)))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s links to what is there', (document) => {
    const broken = relativeLinks(document).filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? document : join(dirname(document), path);
      return !existsSync(file) || (anchor !== undefined && !anchors(file).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  it('leads to every page from docs/README.md', () => {
    const pages = DOCUMENTS.filter(
      (document) => document.startsWith('docs/') && document !== 'docs/README.md',
    );
    const led = new Set(
      relativeLinks('docs/README.md').map((target) => `docs/${target.split('#')[0] ?? ''}`),
    );
    expect(pages.filter((page) => !led.has(page))).toEqual([]);
  });

  it('has a text for every picture', () => {
    const pictures = DOCUMENTS.flatMap((document) => textOf(document).match(/<img [^>]*>/g) ?? []);
    expect(pictures.length).toBeGreaterThan(0);
    expect(pictures.filter((picture) => !/ alt="[^"]{20,}"/.test(picture))).toEqual([]);
  });

  it.each([...DOCUMENTS, '.env.example'])('%s names commands that there are', (document) => {
    const named = Array.from(textOf(document).matchAll(/npm run ([\w:]+)/g), ([, name = '']) => name);
    expect(named.filter((name) => !Object.hasOwn(packageJson.scripts, name))).toEqual([]);
  });

  it('shows TypeScript that compiles', () => {
    const snippets = DOCUMENTS.flatMap((document) =>
      fencedBlocks(document, 'ts').map(
        (code, index) => [`${document.replaceAll('/', '-')}-${index + 1}`, code] as const,
      ),
    );
    expect(snippets.length).toBeGreaterThan(5);
    expect(checkSnippets(new Map(snippets))).toEqual([]);
  });
});

describeOnEachEngine('the documentation', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let home: string;

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    home = mkdtempSync(join(tmpdir(), 'triptych-docs-'));
    // A refused request fails the script, and each answer ends with its own line.
    writeFileSync(join(home, '.curlrc'), 'silent\nshow-error\nfail-with-body\nwrite-out = "\\n"\n');
  });
  afterAll(async () => {
    rmSync(home, { recursive: true });
    await service.stop();
    await database.drop();
  });

  const withCurl = DOCUMENTS.filter((document) => curlLines(document) !== '');
  (hasCurl ? it : it.skip).each(withCurl)(
    '%s has curl lines that work and answers that are true',
    async (document) => {
      const script = curlLines(document).replaceAll(SERVED_AT, service.url);
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], {
        env: { ...process.env, CURL_HOME: home, no_proxy: '127.0.0.1' },
      });
      const answers = stdout.split('\n').filter((line) => line.startsWith('{'));
      for (const block of fencedBlocks(document, 'json'))
        expect(answers.map((answer) => JSON.parse(answer) as unknown)).toContainEqual(
          partOf(JSON.parse(block) as unknown),
        );
    },
  );

  it('lists every route that is served, and no other', async () => {
    const { paths } = (await service.send('GET', '/docs-json')).body as { paths: Record<string, object> };
    const served = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const listed = tableRows('docs/http.md').flatMap(
      ([route = '']) => /^`([A-Z]+ \/\S+)`$/.exec(route)?.slice(1) ?? [],
    );
    expect(listed.sort()).toEqual(served.sort());
  });
});

/** The blocks that call the service, as one script, so that a later one can use what an earlier one set. */
function curlLines(document: string): string {
  return fencedBlocks(document, 'sh')
    .filter((code) => code.includes('curl '))
    .join('\n');
}

/** Matches whatever has at least these members, at every depth. */
function partOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(partOf);
  if (typeof value !== 'object' || value === null) return value;
  return expect.objectContaining(
    Object.fromEntries(Object.entries(value).map(([key, member]) => [key, partOf(member)])),
  );
}
