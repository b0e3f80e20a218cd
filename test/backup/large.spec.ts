// Over 200 lines: what is asked of many rows, on rows that take long to make.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ExportReader } from '../../src/backup/export-reader.js';
import { readExport, writeExport } from '../../src/backup/export-file.js';
import { exportTenant } from '../../src/backup/tenant-export.js';
import { importTenant } from '../../src/backup/tenant-import.js';
import { checkOptions } from '../../src/config/load-options.js';
import { withOwner } from '../../src/database/owner-database.js';
import { eraseTenant, holdingsOf } from '../../src/tenancy/erase-tenant.js';
import { postgres, type TestDatabase } from '../support/engines.js';
import { answerOf, environmentOf, type Home } from './backup-command.js';
import { TestFolder } from './folders.js';

const ROWS = 20_000;
/** Characters of a message: random, so that they take their room in the file. */
const LENGTH = 1_600;
const MB = 1 << 20;
const HALFWAY = /^1\d{4} (of 20001 )?rows$/m;

const children: ChildProcess[] = [];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The largest heap after a collection, in bytes, of those that were seen. */
class HeapWatch {
  largest = 0;
  #calls = 0;

  look(): void {
    this.#calls += 1;
    if (this.#calls % 10 !== 0) return;
    collect();
    this.largest = Math.max(this.largest, process.memoryUsage().heapUsed);
  }
}

describe('a tenant of 20,000 rows', () => {
  const folder = new TestFolder();
  const homes: Record<string, TestDatabase> = {};
  let source: TestDatabase;
  let file: string;

  beforeAll(async () => {
    if (process.env['TEST_DATABASE_URL']) homes['postgres'] = await postgres();
    homes['embedded'] = await folder.migrated('target');
    source = process.env['TEST_DATABASE_URL'] ? await postgres() : await folder.migrated('source');
    await onOwner(source, (owner) =>
      owner.transaction(async (manager) => {
        await manager.query(`SELECT set_config('app.tenant_id', 'acme', true)`);
        await manager.query(
          `INSERT INTO shared.sessions (tenant_id, thread_id, session_id) VALUES ('acme', 'long', gen_random_uuid())`,
        );
        await manager.query(
          `INSERT INTO shared.session_messages (tenant_id, session_id, seq, message_id, format, body, tokens, encoding)
           SELECT tenant_id, session_id, n, n::text, 'openai',
                  json_build_object('role', 'user', 'content',
                    (SELECT string_agg(md5(n::text || part), '') FROM generate_series(1, $2::int) AS part)),
                  1, 'cl100k_base'
             FROM shared.sessions, generate_series(1, $1::int) AS n WHERE tenant_id = 'acme'`,
          [ROWS, LENGTH / 32],
        );
      }),
    );
    file = folder.file('acme.ndjson');
  });
  // One that a failed test left behind.
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(async () => {
    for (const home of [source, ...Object.values(homes)]) await home.drop();
    folder.remove();
  });

  it('goes through a heap that stays flat', async () => {
    collect();
    const before = process.memoryUsage().heapUsed;
    const watch = new HeapWatch();
    const look = (): void => {
      watch.look();
    };
    await onOwner(source, (owner) =>
      exportTenant(owner, {
        tenantId: 'acme',
        write: (chunks) => writeExport(file, chunks, {}),
        progress: look,
      }),
    );
    expect(statSync(file).size).toBeGreaterThan(32 * MB);
    await onOwner(source, async (owner) => {
      await eraseTenant(owner, 'acme');
      const reader = await ExportReader.open(readExport(file));
      await importTenant(owner, reader, { progress: look });
    });
    expect(watch.largest - before).toBeLessThan(16 * MB);
  });

  describe.each(process.env['TEST_DATABASE_URL'] ? ['embedded', 'postgres'] : ['embedded'])(
    '%s',
    (engine) => {
      const home = (): TestDatabase => homes[engine] as TestDatabase;

      /** Imports, and has come halfway; it cannot come to the end, since it is given no more. */
      const importing = async (into: TestDatabase): Promise<ChildProcess> => {
        const child = start('import', into, '-');
        child.stdin?.on('error', () => undefined);
        const whole = readFileSync(file);
        child.stdin?.write(whole.subarray(0, 0.75 * whole.length));
        await said(child, HALFWAY);
        return child;
      };

      it('leaves nothing of an import that is killed, and nothing in its way', async () => {
        const child = await importing(home());
        child.kill('SIGKILL');
        await once(child, 'exit');
        expect(await rowsOf(home())).toBe(0);
        expect((await answerOf('import', home(), file)).rows).toBe(ROWS + 1);
        expect(await rowsOf(home())).toBe(ROWS + 1);
      });

      it.each(['of a file', 'of a stream that stalls'])(
        'takes an import %s back that is interrupted',
        async (of) => {
          await onOwner(home(), async (owner) => {
            await owner.query(`SELECT set_config('app.tenant_id', 'acme', false)`);
            await owner.query(`DELETE FROM shared.sessions WHERE tenant_id = 'acme'`);
          });
          const child = of === 'of a file' ? start('import', home(), file) : await importing(home());
          if (of === 'of a file') await said(child, HALFWAY);
          let errors = '';
          child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
          const exit = once(child, 'exit');
          child.kill('SIGINT');
          expect(await exit).toEqual([130, null]);
          expect(errors).toContain('Interrupted: nothing was written.');
          expect(await rowsOf(home())).toBe(0);
          expect(existsSync(`${home().settings.dataDir ?? ''}/triptych.lock`)).toBe(false);
        },
      );
    },
  );

  it('takes an export back that is interrupted', async () => {
    const out = folder.file('interrupted.ndjson');
    const child = start('export', source, '--tenant', 'acme', '--out', out);
    await said(child, HALFWAY);
    const exit = once(child, 'exit');
    child.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
    expect(readdirSync(folder.file('.')).filter((name) => name.startsWith('interrupted.ndjson'))).toEqual([]);
  });

  it('is no success when nobody reads it to its end', async () => {
    const child = start('export', source, '--tenant', 'acme');
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(errors).toContain('Standard output was closed before the export was whole.');
  });

  it('says of an export to standard output that is interrupted that it is not whole', async () => {
    const child = start('export', source, '--tenant', 'acme');
    // It cannot come to the end, since nobody takes more than three quarters of it meanwhile.
    let taken = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      taken += chunk.length;
      if (taken > 0.75 * statSync(file).size) child.stdout?.pause();
    });
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    await said(child, HALFWAY);
    child.once('exit', () => child.stdout?.resume());
    const over = once(child, 'close');
    child.kill('SIGTERM');
    expect(await over).toEqual([143, null]);
    expect(errors).toContain('Interrupted: what was written is no whole export.');
  });

  it('goes through standard streams', async () => {
    const child = start('export', source, '--tenant', 'acme');
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(text.slice(text.indexOf('\n'), -200)).toBe(bodyOf(file).slice(0, -200));

    const target = (homes['postgres'] ?? homes['embedded']) as TestDatabase;
    await onOwner(target, (owner) => eraseTenant(owner, 'acme'));
    const importing = start('import', target, '-', '--dry-run', '--json');
    let answer = '';
    importing.stdout?.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    importing.stdin?.end(text);
    expect(await once(importing, 'close')).toEqual([0, null]);
    expect(JSON.parse(answer)).toMatchObject({ tenantId: 'acme', rows: ROWS + 1, file: '-', dryRun: true });
  });
});

function onOwner<T>({ settings }: Home, work: Parameters<typeof withOwner<T>>[1]): Promise<T> {
  return withOwner(checkOptions({ database: settings }), work);
}

async function rowsOf(home: Home): Promise<number> {
  const tables = await onOwner(home, (owner) => holdingsOf(owner, 'acme'));
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}

/** `npm run export` or `import`, as a process of its own. */
function start(command: 'export' | 'import', home: Home, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/triptych.ts', command, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environmentOf(home) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

/** Waits until the process says so on standard error; fails when it ends before. */
function said(child: ChildProcess, words: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (words.test(text)) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`It ended: ${text}`));
    });
  });
}

function bodyOf(file: string): string {
  const text = readFileSync(file, 'utf8');
  return text.slice(text.indexOf('\n'));
}
