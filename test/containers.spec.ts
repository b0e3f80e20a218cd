import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { loadOptions } from '../src/config/load-options.js';
import { PostgresCluster } from './support/postgres-cluster.js';
import { freePort } from './support/free-port.js';

const run = promisify(execFile);
const ROOT = join(__dirname, '..');
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** A build, on a machine that is busy. */
const BUILD_MS = 600_000;
/** No server answers here: to build nothing, and to serve without a setting of the machine's. */
const BARE = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };

interface Instruction {
  readonly name: string;
  readonly words: string;
}

/** The instructions of each stage, in order. */
function stagesOf(dockerfile: string): Map<string, Instruction[]> {
  const stages = new Map<string, Instruction[]>();
  let stage: Instruction[] = [];
  for (const line of dockerfile.replaceAll(/\\\n/g, '').split('\n')) {
    const [, name = '', words = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.set(/ AS (\w+)$/.exec(words)?.[1] ?? '', (stage = []));
    else if (name) stage.push({ name, words });
  }
  return stages;
}

const stages = stagesOf(textOf('Dockerfile'));
const all = [...stages.values()].flat();
const wordsOf = (stage: string, name: string): string[] =>
  (stages.get(stage) ?? []).filter((each) => each.name === name).map(({ words }) => words);
const HEALTH_CHECK = JSON.parse(
  /CMD\s+(\[.*\])$/.exec(wordsOf('service', 'HEALTHCHECK')[0] ?? '')?.[1] ?? '',
) as string[];
const START = ['ENTRYPOINT', 'CMD'].flatMap(
  (name) => JSON.parse(wordsOf('service', name)[0] ?? '') as string[],
);

describe('Dockerfile', () => {
  it('has no fault that a linter finds', () => {
    expect(validate(textOf('Dockerfile'))).toEqual([]);
  });

  it('is built by the commands that CI runs, from files that there are', () => {
    const commands = textOf('.ci/run').split('\n');
    const steps = wordsOf('build', 'RUN').map((words) => words.replace(/^(--mount=\S+ )+/, ''));
    expect(steps.slice(0, 2).filter((step) => !commands.includes(step))).toEqual([]);
    expect(steps.slice(2)).toEqual(['npm prune --omit=dev --no-audit --no-fund']);
    const copied = all.filter(({ name, words }) => name === 'COPY' && !words.startsWith('--'));
    const sources = copied.flatMap(({ words }) => words.split(' ').slice(0, -1));
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    const admitted = textOf('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(
      sources.filter((source) => !admitted.some((path) => source === path || source.startsWith(`${path}/`))),
    ).toEqual([]);
  });

  it('runs as nobody in particular, ends on SIGTERM, and holds no secret', () => {
    const names = (stages.get('service') ?? []).map(({ name }) => name);
    expect(names.lastIndexOf('USER')).toBeGreaterThan(names.lastIndexOf('RUN'));
    expect(wordsOf('service', 'USER')).toEqual(['node']);
    expect(wordsOf('service', 'STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(wordsOf('service', 'VOLUME')).toEqual(['/data']);
    expect(
      all.filter(({ name, words }) => /^(ENV|ARG)$/.test(name) && /KEY|SECRET|PASSWORD|URL/.test(words)),
    ).toEqual([]);
  });
});

describe('compose.yaml', () => {
  it('has no fault that a linter finds', async () => {
    const dclint = join(ROOT, 'node_modules/dclint/bin/dclint.cjs');
    const { stdout } = await run(process.execPath, [dclint, 'compose.yaml', '--formatter', 'json'], {
      cwd: ROOT,
    });
    expect(JSON.parse(stdout)).toMatchObject([{ filePath: 'compose.yaml', messages: [] }]);
  });

  it('lets the service stop in its own time', () => {
    const [, seconds] = /^ {4}stop_grace_period: (\d+)s$/m.exec(textOf('compose.yaml')) ?? [];
    expect(Number(seconds) * 1_000).toBeGreaterThan(loadOptions({}).http.shutdownTimeoutMs);
  });

  it('asks for each secret, and has none', () => {
    const secrets = Array.from(textOf('deploy/compose/example.env').matchAll(/^(\w+)=(.*)$/gm));
    const compose = textOf('compose.yaml');
    const asked = new Set(Array.from(compose.matchAll(/\$\{(\w+):\?\}/g), ([, name]) => name));
    expect(secrets.map(([, name]) => name).sort()).toEqual([...asked].sort());
    expect(secrets.filter(([, , value]) => value)).toEqual([]);
    expect(Array.from(compose.matchAll(/PASSWORD: (.*)$/gm), ([, value = '']) => value[0])).not.toContain(
      undefined,
    );
    expect(compose.match(/PASSWORD: (?!\$\{\w+:\?\}$)/gm)).toBeNull();
  });
});

describe('what the image holds', () => {
  let folder: string;
  /** As the stage `build` and the stage `service` have it. */
  let build: string;
  let image: string;
  const environment = {
    ...BARE,
    ...Object.fromEntries(
      (wordsOf('service', 'ENV')[0] ?? '').split(' ').map((pair) => pair.split('=') as [string, string]),
    ),
    // The interface of a container is its own; here it is the machine's.
    HOST: '127.0.0.1',
    AUTH_MODE: 'api-key',
    LOG_LEVEL: 'silent',
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-image-'));
    build = join(folder, 'build');
    image = join(folder, 'image');
    const copy = (words: string, from: string, to: string): void => {
      const [target = '', ...sources] = words.split(' ').reverse();
      for (const source of sources) {
        const isFolder = target.endsWith('/');
        const there = isFolder ? join(to, target, basename(source)) : join(to, target);
        cpSync(join(from, source), there, {
          recursive: true,
          filter: (path) => !/(\/(dist|node_modules)$)|\.spec\.ts$/.test(path.slice(from.length)),
        });
      }
    };
    mkdirSync(build);
    for (const words of wordsOf('build', 'COPY')) copy(words, ROOT, build);
    symlinkSync(join(ROOT, 'node_modules'), join(build, 'node_modules'));
    await run('npm', ['run', '-s', 'build'], { cwd: build, env: BARE });
    mkdirSync(image);
    for (const words of wordsOf('service', 'COPY')) {
      const [, source, target] = /^--from=build \/app\/(\S+) (\S+)$/.exec(words) ?? [];
      if (source === undefined || target === undefined) copy(words, ROOT, image);
      else if (source === 'node_modules') symlinkSync(join(ROOT, source), join(image, target));
      else
        cpSync(join(build, source), join(image, target, target.endsWith('/') ? basename(source) : ''), {
          recursive: true,
        });
    }
  }, BUILD_MS);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts it as its `ENTRYPOINT` and `CMD` say, and gives its own health check a look at it until it is well. */
  async function serving(
    settings: Record<string, string>,
    work: (url: string) => Promise<void>,
  ): Promise<void> {
    const port = await freePort();
    const env = { ...environment, PORT: String(port), ...settings };
    const isWell = (): Promise<boolean> =>
      run(HEALTH_CHECK[0] ?? '', HEALTH_CHECK.slice(1), { env }).then(
        () => true,
        () => false,
      );
    expect(await isWell()).toBe(false);
    const service = spawn(START[0] ?? '', START.slice(1), {
      cwd: image,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(service, 'exit');
    try {
      while (!(await isWell())) {
        if (service.exitCode !== null) throw new Error(`The service ended with ${service.exitCode}.`);
        await sleep(100);
      }
      await work(`http://127.0.0.1:${port}`);
    } finally {
      service.kill('SIGTERM');
      await ended;
    }
    expect(endOf(service)).toBe(0);
  }

  it(
    'serves its API and its console, is well while it does, and ends softly',
    async () => {
      await serving({ DATA_DIR: join(folder, 'data') }, async (url) => {
        const { openapi } = (await (await fetch(`${url}/docs-json`)).json()) as { openapi: string };
        expect(openapi).toBe('3.1.0');
        expect(await (await fetch(`${url}/console/`)).text()).toContain('<script');
        expect((await fetch(`${url}/v1/sessions`)).status).toBe(401);
      });
      const [node = '', ...entry] = START;
      const { stdout } = await run(node, [...entry.slice(0, -1), '--version'], {
        cwd: image,
        env: environment,
      });
      expect(stdout).toBe(`${packageJson.version}\n`);
    },
    BUILD_MS,
  );

  (PostgresCluster.isPossible ? it : it.skip)(
    'serves with the login of compose.yaml, which owns nothing',
    async () => {
      const cluster = await PostgresCluster.start();
      try {
        const { hostname, port, username } = new URL(cluster.url);
        await run(join(ROOT, 'deploy/compose/create-roles.sh'), {
          env: {
            ...BARE,
            ...{ PGHOST: hostname, PGPORT: port, POSTGRES_USER: username },
            ...{ TRIPTYCH_OWNER_PASSWORD: "o'wner", TRIPTYCH_SERVICE_PASSWORD: 'service' },
          },
        });
        const login = (name: string, password: string): string =>
          `postgres://${name}:${password}@${hostname}:${port}/triptych`;
        const owner = { ...environment, DATABASE_URL: login('triptych_owner', 'o%27wner') };
        const [node = '', ...entry] = START;
        const command = async (...words: string[]): Promise<string> =>
          (await run(node, [...entry.slice(0, -1), ...words], { cwd: image, env: owner })).stdout;
        await command('migrate', 'run');
        const grant = /--command=(GRANT .*)$/m.exec(textOf('compose.yaml'))?.[1] ?? '';
        await run('psql', [owner.DATABASE_URL, '--no-psqlrc', '--set=ON_ERROR_STOP=1', `--command=${grant}`]);
        await command('tenant', 'create', 'acme');
        const { key } = JSON.parse(await command('tenant', 'create-key', 'acme', '--json')) as {
          key: string;
        };
        const DATABASE_URL = login('triptych_service', 'service');
        await serving({ DATABASE_URL }, async (url) => {
          const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
          const body = JSON.stringify({ messages: [{ role: 'user', content: 'Tea, please.' }] });
          const { status } = await fetch(`${url}/v1/sessions/table-4/messages`, {
            method: 'POST',
            headers,
            body,
          });
          expect(status).toBe(201);
          expect((await fetch(`${url}/health/ready`)).status).toBe(200);
        });
        const dropping = run('psql', [DATABASE_URL, '--no-psqlrc', '--command=DROP TABLE shared.sessions']);
        await expect(dropping).rejects.toMatchObject({ stderr: expect.stringContaining('must be owner') });
      } finally {
        await cluster.stop();
      }
    },
    BUILD_MS,
  );
});

function endOf({ exitCode, signalCode }: ChildProcess): number | string | null {
  return exitCode ?? signalCode;
}
