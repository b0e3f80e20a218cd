import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { Database } from '../../src/database/database.js';
import { postgres, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { fingerprint, tenantTables } from '../support/tenant-tables.js';
import { answerOf, backup } from './backup-command.js';
import { fillTenant, goOn, shownOf } from './full-tenant.js';
import { TestFolder } from './folders.js';

describe('export and import', () => {
  const folder = new TestFolder();
  const homes: TestDatabase[] = [];
  let source: TestDatabase;
  let shown: Record<string, string>;
  let file: string;
  let tables: string[];

  beforeAll(async () => {
    source = await folder.migrated('source');
    homes.push(...(process.env['TEST_DATABASE_URL'] ? [await postgres()] : []), folder.embedded('last'));
    for (const { settings } of homes) if (settings.url) await speakOtherwise(settings.url);
    await serve(source, async (service) => {
      for (const tenant of ['acme', 'acm']) await fillTenant(service, source, tenant);
    });
    // Stopping finishes what is written behind the answers, such as receipts.
    await serve(source, async (service) => {
      shown = await shownOf(service, 'acme');
      tables = await tenantTables(source, service.app.get(Database));
    });
    file = folder.file('acme.ndjson');
    await answerOf('export', source, '--tenant', 'acme', '--out', file);
  });
  afterAll(async () => {
    for (const home of homes) await home.drop();
    folder.remove();
  });

  async function serve<T>(home: TestDatabase, work: (service: TestService) => Promise<T>): Promise<T> {
    const service = await TestService.start(home);
    try {
      return await work(service);
    } finally {
      await service.stop();
    }
  }
  /** All rows of a tenant, past every policy, as one text. */
  const rowsOf = (home: TestDatabase, service: TestService, tenant: string): Promise<string> => {
    const database = service.app.get(Database);
    return tenantTables(home, database).then((tables) => fingerprint(home, database, tables, tenant));
  };

  it('has rows of every table that has tenants, in the file', () => {
    const counts = footers(readFileSync(file, 'utf8'));
    expect(counts.map(({ table }) => table).sort()).toEqual(tables.toSorted());
    expect(counts.filter(({ rows }) => rows === 0)).toEqual([]);
  });

  it('goes from engine to engine and back without a changed byte, and answers the same', async () => {
    let newest = file;
    for (const [index, home] of homes.entries()) {
      // Another tenant, whose name begins alike, is there before, and stays as it is.
      if (index === 0) await serve(home, (service) => fillTenant(service, home, 'acm'));
      const before = await serve(home, (service) => rowsOf(home, service, 'acm'));
      const checked = await answerOf('import', home, newest, '--dry-run');
      const imported = await answerOf('import', home, newest, '--tenant', 'acme');
      expect({ ...checked, dryRun: false }).toEqual(imported);

      newest = folder.file(`acme-${index}.ndjson.gz`);
      const exported = await answerOf('export', home, '--tenant', 'acme', '--out', newest);
      expect(exported.tables).toEqual(imported.tables);
      expect(body(gunzipSync(readFileSync(newest)).toString())).toBe(body(readFileSync(file, 'utf8')));

      await serve(home, async (service) => {
        expect(await rowsOf(home, service, 'acm')).toBe(before);
        expect(await shownOf(service, 'acme')).toEqual(shown);
        const replies = await goOn(service, 'acme');
        expect(JSON.stringify(replies)).toContain('asked, told \\"yes\\"');
      });
    }
  });

  it('leaves keys out when asked to', async () => {
    const out = folder.file('without-keys.ndjson');
    const { tables } = await answerOf('export', source, '--tenant', 'acme', '--out', out, '--without-keys');
    expect(tables).not.toHaveProperty('shared.api_keys');
    expect(readFileSync(out, 'utf8')).not.toContain('AAAAAAAAAAAA');
  });

  it('refuses what it must, with the remedy', async () => {
    const refusals: ['export' | 'import', string[], RegExp, number?][] = [
      ['export', ['--tenant', 'acme', '--out', file], /There is a file .* --force/],
      ['export', ['--tenant', 'nobody', '--out', folder.file('none')], /nothing of nobody/, 3],
      ['export', ['--tenant', 'no good', '--out', folder.file('none')], /A tenant id is/],
      [
        'import',
        [file],
        /acme has rows here already, in .*shared\.sessions \(7\).*npm run tenant -- erase acme/s,
      ],
      ['import', [file, '--tenant', 'acm'], /of acme, and not of acm/],
      ['import', [folder.file('none')], /none cannot be read/],
    ];
    for (const [command, args, message, expected = 1] of refusals) {
      const { status, stdout, stderr } = await backup(command, source, ...args);
      expect({ command, args, status, stdout }).toEqual({ command, args, status: expected, stdout: '' });
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('    at ');
    }
  });

  it('does not understand another command line, and helps', async () => {
    for (const [command, ...args] of [
      ['export'],
      ['export', '--tenant', 'a', 'b'],
      ['export', '--all'],
      ['import'],
      ['import', 'a', 'b'],
    ] as const)
      expect(await backup(command, source, ...args)).toMatchObject({
        status: 2,
        stdout: '',
        stderr: expect.stringContaining('--help') as unknown,
      });
    for (const command of ['export', 'import'] as const)
      expect((await backup(command, source, '--help')).stdout).toContain(`Usage: triptych ${command}`);
  });
});

/** Has the server write values in other ways than the embedded engine does. */
async function speakOtherwise(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  const name = new URL(url).pathname.slice(1);
  for (const setting of ["TimeZone = 'Asia/Kolkata'", "bytea_output = 'escape'", 'extra_float_digits = -3'])
    await client.query(`ALTER DATABASE ${name} SET ${setting}`);
  await client.end();
}

/** All but the first and the last line, which name the moment. */
function body(text: string): string {
  return text.slice(text.indexOf('\n') + 1, text.lastIndexOf('\n', text.length - 2));
}

function footers(text: string): { table: string; rows: number }[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{"table"'));
  return lines.map((line) => JSON.parse(line) as { table: string; rows: number });
}
