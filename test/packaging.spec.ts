import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { tableRows } from './support/markdown.js';

const run = promisify(execFile);
const ROOT = join(__dirname, '..');
/** A machine that is busy, and a registry that is far away. */
const INSTALL_MS = 600_000;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** What an application writes that has nothing but the two packages and what they bring. */
const HOST = `
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ContextManager, ContextModule, TenantContext } from 'triptych';
import { createTriptychClient, listSessions, TriptychConnectionError } from 'triptych-client';
import { TriptychChatMessageHistory } from 'triptych-client/langchain';

@Injectable()
class FrontDesk {
  constructor(
    private readonly context: ContextManager,
    private readonly tenant: TenantContext,
  ) {}

  serve(): Promise<object> {
    return this.tenant.run('seaside', async () => {
      await this.context.session.appendMessages('ada', [{ role: 'user', content: 'Is there a sauna?' }]);
      await this.context.storeMemory({ agentId: 'desk', content: 'The sauna opens at six.' });
      const found = await this.context.searchMemory('When does the sauna open?');
      const { context, messages } = await this.context.compileWorkingContext({
        threadId: 'ada',
        systemPrompt: 'You are a receptionist.',
        task: { description: 'When does the sauna open?' },
      });
      return { found: found.map(({ memory }) => memory.content), context, messages: messages.length };
    });
  }
}

@Module({ imports: [ContextModule.forRoot({ database: { dataDir: 'memory://' } })], providers: [FrontDesk] })
class HostModule {}

const app = await NestFactory.createApplicationContext(HostModule, { logger: ['error'] });
const served = await app.get(FrontDesk).serve();
await app.close();
const client = createTriptychClient({ baseUrl: 'http://127.0.0.1:1', tenantId: 'seaside', retries: 0 });
const refused: unknown = await listSessions({ client }).catch((error: unknown) => error);
const { threadId } = new TriptychChatMessageHistory({ client, threadId: 'ada' });
console.log(JSON.stringify({ ...served, isRefused: refused instanceof TriptychConnectionError, threadId }));
`;

describe('the packages', () => {
  let folder: string;
  let packages: readonly Packed[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-packed-'));
    const flags = ['--ignore-scripts', '--json', '--pack-destination', folder];
    const { stdout } = await run('npm', ['pack', ...flags, '.', './packages/client'], { cwd: ROOT });
    packages = JSON.parse(stdout) as Packed[];
  }, INSTALL_MS);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('hold what a host needs, and nothing else', () => {
    const [triptych = [], client = []] = packages.map(({ files }) => files.map(({ path }) => path));
    const common = ['LICENSE', 'README.md', 'package.json'];
    const own = [
      '.env.example',
      'CHANGELOG.md',
      'dist/src/index.js',
      'dist/src/index.d.ts',
      'dist/src/main.js',
    ];
    const built = ['dist/src/cli/triptych.js', 'dist/console/index.html', 'docs/operations.md'];
    expect(triptych).toEqual(expect.arrayContaining([...common, ...own, ...built]));
    expect(triptych.some((path) => path.startsWith('dist/migrations/'))).toBe(true);
    expect(client).toEqual(expect.arrayContaining([...common, 'dist/index.js', 'dist/langchain.d.ts']));
    const rooms = /^(dist\/(src|migrations|console)\/|dist\/package\.json$|docs\/.+\.md$|[\w.]+$)/;
    expect(triptych.filter((path) => !rooms.test(path))).toEqual([]);
    expect(client.filter((path) => !/^(dist\/|[\w.]+$)/.test(path))).toEqual([]);
    // A map would lead to sources that are not there.
    const needless = /\.(spec|test)\.|\.map$|\.tsbuildinfo$|(^|\/)\.env$/;
    expect([...triptych, ...client].filter((path) => needless.test(path))).toEqual([]);
  });

  it.each(['triptych', 'triptych-client'])(
    '%s passes attw and publint',
    async (name) => {
      const tarball = join(folder, `${name}-${packageJson.version}.tgz`);
      const bin = (path: string): string => join(ROOT, 'node_modules', path);
      const attw = [
        bin('@arethetypeswrong/cli/dist/index.js'),
        tarball,
        '--profile',
        'esm-only',
        '-f',
        'json',
      ];
      const { stdout } = await run(process.execPath, attw, { maxBuffer: 100_000_000 });
      const { analysis } = JSON.parse(stdout) as { analysis: { entrypoints: object } };
      expect(Object.keys(analysis.entrypoints)).toContain('.');
      const publint = await run(process.execPath, [bin('publint/src/cli.js'), 'run', tarball, '--strict']);
      expect(publint.stdout).toContain('All good!');
    },
    INSTALL_MS,
  );

  it('share with a host what docs/nest.md says, and nothing twice', () => {
    const { dependencies, peerDependencies } = packageJson;
    const told = tableRows('docs/nest.md').map(([first = '']) => first);
    for (const name of Object.keys(peerDependencies)) expect(told).toContain(`\`${name}\``);
    expect(Object.keys(peerDependencies).filter((name) => Object.hasOwn(dependencies, name))).toEqual([]);
  });

  it(
    'work in an empty Nest application',
    async () => {
      const host = join(folder, 'host');
      mkdirSync(host);
      writeFileSync(join(host, 'package.json'), '{ "name": "host", "private": true, "type": "module" }');
      writeFileSync(join(host, 'main.ts'), HOST);
      const tarballs = packages.map(({ filename }) => join(folder, filename));
      const { typescript, '@types/node': types } = packageJson.devDependencies;
      const compiler = [`typescript@${typescript}`, `@types/node@${types}`];
      const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
      await run('npm', ['install', '--fetch-retries=5', ...quietly, ...tarballs, ...compiler], { cwd: host });

      // With the declarations of all packages checked, of which ours have no error.
      const common = '--target es2023 --lib es2024 --types node --strict --skipLibCheck false';
      const decorators = '--experimentalDecorators --emitDecoratorMetadata';
      for (const flags of [
        '--module nodenext --moduleResolution nodenext',
        '--module esnext --moduleResolution bundler --noEmit',
      ]) {
        const tsc = [
          'node_modules/typescript/bin/tsc',
          ...`${common} ${decorators} ${flags}`.split(' '),
          'main.ts',
        ];
        const errors = (await outputOf(run(process.execPath, tsc, { cwd: host }))).split('\n');
        expect(errors.filter((line) => /^(main\.ts|node_modules\/triptych)/.test(line))).toEqual([]);
      }

      const { stdout: said } = await run(process.execPath, ['main.js'], { cwd: host });
      expect(JSON.parse(said)).toEqual({
        found: ['The sauna opens at six.'],
        context: expect.stringContaining('The sauna opens at six.'),
        messages: 1,
        isRefused: true,
        threadId: 'ada',
      });

      const triptych = (argument: string) =>
        run('npx', ['--no-install', 'triptych', argument], { cwd: host });
      expect((await triptych('--version')).stdout).toBe(`${packageJson.version}\n`);
      expect((await triptych('--help')).stdout).toContain('Usage: triptych');
    },
    INSTALL_MS,
  );
});

/** What a command prints, whether it succeeds or not. */
async function outputOf(command: Promise<{ stdout: string }>): Promise<string> {
  const { stdout } = await command.catch((error: unknown) => error as { stdout: string });
  return stdout;
}
