// Over 200 lines: each way in which a file can be wrong, on each engine.
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { BackupRefusedError, type ExportHeader } from '../../src/backup/export-format.js';
import { ExportReader } from '../../src/backup/export-reader.js';
import { requireFit } from '../../src/backup/schema-fit.js';
import { exportTenant } from '../../src/backup/tenant-export.js';
import { importTenant } from '../../src/backup/tenant-import.js';
import { checkOptions } from '../../src/config/load-options.js';
import { Database } from '../../src/database/database.js';
import type { EmbeddedEngine } from '../../src/database/embedded-engine.js';
import { MigrationDataSource } from '../../src/database/migration-data-source.js';
import { SessionStore } from '../../src/session/session-store.js';
import { eraseTenant, holdingsOf } from '../../src/tenancy/erase-tenant.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import type { TableHoldings } from '../../src/tenancy/tenant-tables.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';

type Line = Record<string, unknown> | (string | null)[];

describeOnEachEngine('an import of a file that is not as it was written', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let owner: MigrationDataSource;
  let file: Buffer;
  let other: readonly TableHoldings[];

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    const { embedded } = service.app.get<Database, { embedded?: EmbeddedEngine }>(Database);
    const options = checkOptions({ database: home.settings });
    owner = await new MigrationDataSource({ options, embedded, entities: [] }).initialize();
    const acme = service.as('acme');
    const messages = ['one', 'two \u2028', 'three'].map((content) => ({ role: 'user', content }));
    for (const thread of ['a', 'b'])
      expect((await acme.post(`/v1/sessions/${thread}/messages`, { messages })).status).toBe(201);
    const memories = ['north', 'south'].map((content) => ({ agentId: 'a', content }));
    expect((await acme.post('/v1/memories/batch', { memories })).status).toBe(201);
    expect((await service.as('acm').post('/v1/memories/batch', { memories })).status).toBe(201);
    const { checkpointer } = service.app.get(SessionStore);
    await service.app.get(TenantContext).run('acme', async () => {
      const tuple = await checkpointer.getTuple({ configurable: { thread_id: 'a' } });
      await checkpointer.putWrites(tuple?.config ?? {}, [['channel', 'value']], 'task');
    });
    file = await exported('acme');
    await eraseTenant(owner, 'acme');
    other = await holdingsOf(owner, 'acm');
  });
  afterEach(async () => {
    expect(await holdingsOf(owner, 'acm')).toEqual(other);
  });
  afterAll(async () => {
    await owner.destroy();
    await service.stop();
    await home.drop();
  });

  async function exported(tenantId: string): Promise<Buffer> {
    let text = '';
    const write = async (chunks: AsyncIterable<string>): Promise<void> => {
      for await (const chunk of chunks) text += chunk;
    };
    await exportTenant(owner, { tenantId, write });
    return Buffer.from(text);
  }

  async function imported(bytes: Buffer, size = 1_000): Promise<void> {
    const reader = await ExportReader.open(pieces(bytes, size));
    try {
      await importTenant(owner, reader);
    } finally {
      await reader.close();
    }
  }

  /** Refused with these words, and the tenant has no rows. */
  async function expectRefusal(bytes: Buffer, message: RegExp): Promise<void> {
    const refused = await imported(bytes).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BackupRefusedError);
    expect((refused as Error).message).toMatch(message);
    expect((await holdingsOf(owner, 'acme')).filter(({ rows }) => rows > 0)).toEqual([]);
  }

  const lines = (): string[] => file.toString().slice(0, -1).split('\n');
  const parsed = (): Line[] => lines().map((line) => JSON.parse(line) as Line);
  const header = (): ExportHeader => parsed()[0] as unknown as ExportHeader;

  it('takes it whole, in whatever pieces it comes, and gives it back as it was', async () => {
    for (const size of [1, 7, 1 << 20]) {
      await imported(file, size);
      const again = await exported('acme');
      expect(again.toString().split('\n').slice(1, -2)).toEqual(lines().slice(1, -1));
      await expect(imported(file)).rejects.toThrow(/has rows here already/);
      await eraseTenant(owner, 'acme');
    }
  });

  it('refuses one with a changed byte, wherever it is, and writes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: file.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, bits) => {
          const damaged = Buffer.from(file);
          damaged[at] = (damaged[at] ?? 0) ^ bits;
          await expectRefusal(damaged, /./);
        },
      ),
      { seed: 20_261_122, numRuns: 30 },
    );
  });

  it('refuses one that is cut, wherever it is, and writes nothing', async () => {
    const ends = [0, 1, file.indexOf('\n') + 1, file.length - 1, file.lastIndexOf('\n', file.length - 2) + 1];
    for (const end of ends) await expectRefusal(file.subarray(0, end), /damaged|no export/);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: file.length - 1 }), async (end) => {
        await expectRefusal(file.subarray(0, end), /damaged|no export/);
      }),
      { seed: 20_261_122, numRuns: 12 },
    );
  });

  it('refuses one whose lines were doubled, dropped or moved, and writes nothing', async () => {
    const count = lines().length;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: count - 1 }),
        fc.constantFrom('double', 'drop', 'swap'),
        async (at, change) => {
          const all = lines();
          const [line = ''] = all.splice(at, 1);
          if (change === 'double') all.splice(at, 0, line, line);
          if (change === 'swap') all.splice(at - 1, 0, line);
          await expectRefusal(Buffer.from(`${all.join('\n')}\n`), /./);
        },
      ),
      { seed: 20_261_122, numRuns: 24 },
    );
    await expectRefusal(Buffer.concat([file, Buffer.from('\n')]), /damaged: something follows/);
    await expectRefusal(Buffer.concat([file, file]), /damaged: something follows/);
  });

  it('refuses one that was made by hand, and never takes a name from it', async () => {
    const table = (name: string): { name: string; columns: string[] } => {
      const found = header().tables.find((each) => each.name === name);
      return { name, columns: [...(found?.columns ?? [])] };
    };
    const withTable = (change: Partial<ReturnType<typeof table>>, name = 'shared.sessions'): Buffer =>
      sealed(parsed(), (lines) => {
        const tables = header().tables.map((each) => (each.name === name ? { ...each, ...change } : each));
        lines[0] = { ...header(), tables };
      });
    const { columns } = table('shared.sessions');
    const evil = 'x"; DROP TABLE shared.sessions; --';
    const changes: [Buffer, RegExp][] = [
      [
        withTable({ name: 'pg_catalog.pg_class' }),
        /table "pg_catalog.pg_class", which this database has not/,
      ],
      [withTable({ name: 'shared.migrations' }), /table "shared.migrations"/],
      [withTable({ name: `shared.${evil}` }), /DROP TABLE.*which this database has not/],
      [withTable({ columns: columns.map((name) => (name === 'runs' ? evil : name)) }), /column .*DROP TABLE/],
      [
        withTable({ columns: columns.map((name) => (name === 'runs' ? 'version' : name)) }),
        /column "version"/,
      ],
      [sealed(parsed(), (all) => (all[0] = { ...header(), formatVersion: 2 })), /version 2 of the format/],
      [sealed(parsed(), (all) => (all[0] = { ...header(), format: 'other' })), /no export of a tenant/],
      [sealed(parsed(), (all) => (all[0] = { ...header(), tenantId: 'acm' })), /acm has rows here already/],
      [sealed(parsed(), (all) => (all[0] = { ...header(), tenantId: 'other' })), /rows of another tenant/],
      [sealed(parsed(), (all) => (all[0] = { ...header(), tenantId: "a'b" })), /no whole header/],
      [
        sealed(parsed(), (all) => (all[0] = { ...header(), migrations: [...header().migrations, 'Later1'] })),
        /newer version .* has no Later1.*triptych migrate run/s,
      ],
      [
        sealed(parsed(), (all) => (all[0] = { ...header(), migrations: header().migrations.slice(0, 1) })),
        /older version .*export again/s,
      ],
    ];
    for (const [bytes, message] of changes) await expectRefusal(bytes, message);
    const rows: [string, string, (value: string | null, row: number) => string | null, RegExp][] = [
      ['shared.sessions', 'tenant_id', () => 'acm', /rows of another tenant for shared.sessions/],
      ['checkpoints.checkpoints', 'thread_id', () => '3:acm:a', /rows of another tenant for checkpoints/],
      ['shared.sessions', 'session_id', () => 'no uuid', /does not take rows of shared.sessions: .*uuid/],
      [
        'shared.session_messages',
        'message_id',
        () => 'twice',
        /does not take rows of shared.session_messages/,
      ],
      ['shared.session_messages', 'session_id', (value, row) => (row > 0 ? value : NOBODY), /foreign key/],
      ['shared.session_messages', 'body', () => '{"a":', /does not take .*json/],
      ['shared.session_messages', 'tokens', () => null, /does not take .*tokens/],
      ['shared.session_messages', 'message_id', () => 'a\0b', /does not take/],
    ];
    for (const [name, column, change, message] of rows) {
      const at = table(name).columns.indexOf(column);
      const bytes = sealed(parsed(), (all) => {
        rowsOf(all, name).forEach((row, index) => (row[at] = change(row[at] ?? null, index)));
      });
      await expectRefusal(bytes, message);
    }
  });

  it('refuses to leave a part of it out, whatever keeps that away', async () => {
    await owner.query(`
      CREATE FUNCTION public.drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER drop_row BEFORE INSERT ON shared.audit_log FOR EACH ROW EXECUTE FUNCTION public.drop_row()`);
    try {
      await expectRefusal(file, /shared.audit_log has 0 rows of acme after the import, and the file [1-9]/);
    } finally {
      await owner.query('DROP TRIGGER drop_row ON shared.audit_log; DROP FUNCTION public.drop_row()');
    }
  });

  it('takes a file of an older schema whose migrations since are known to change no rows', () => {
    const older = { ...header(), migrations: ['One'] };
    expect(() => {
      requireFit(older, ['One', 'Two'], new Set(['Two']));
    }).not.toThrow();
    expect(() => {
      requireFit(older, ['One', 'Two', 'Three'], new Set(['Two']));
    }).toThrow(/before Three, /);
  });
});

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

/** The rows of one table among all lines. */
function rowsOf(lines: readonly Line[], name: string): (string | null)[][] {
  const end = lines.findIndex((line) => !Array.isArray(line) && line['table'] === name);
  const begin = lines.findLastIndex((line, index) => index < end && !Array.isArray(line));
  return lines.slice(begin + 1, end) as (string | null)[][];
}

/** A file with a change, and with hashes that agree with it, as somebody could make it who knows how. */
function sealed(lines: Line[], change: (lines: Line[]) => void): Buffer {
  change(lines);
  const { tables } = lines[0] as unknown as ExportHeader;
  const whole = createHash('sha256');
  let text = '';
  let hash = createHash('sha256');
  let table = 0;
  let rows = 0;
  let total = 0;
  const add = (line: unknown): void => {
    const written = `${JSON.stringify(line)}\n`;
    whole.update(written);
    text += written;
    if (!Array.isArray(line)) return;
    hash.update(written);
    rows += 1;
  };
  add(lines[0]);
  for (const line of lines.slice(1, -1)) {
    if (Array.isArray(line)) add(line);
    else {
      add({ table: tables[table]?.name, rows, sha256: hash.digest('hex') });
      hash = createHash('sha256');
      total += rows;
      rows = 0;
      table += 1;
    }
  }
  return Buffer.from(
    `${text}${JSON.stringify({ end: 'triptych-export', rows: total, sha256: whole.digest('hex') })}\n`,
  );
}
