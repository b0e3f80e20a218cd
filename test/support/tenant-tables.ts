import type { Database } from '../../src/database/database.js';
import { asSuperuser } from './superuser.js';
import type { TestDatabase } from './engines.js';

interface Column {
  name: string;
  type: string;
  nullable: boolean;
}

/** Values that the general ones by type below cannot be: a constraint or another column wants them. */
const SPECIAL: Readonly<Record<string, string>> = {
  'shared.session_messages.format': `'openai'`,
  'shared.recall_settings.text_search': `'english'`,
  'shared.api_keys.scopes': `ARRAY['read']`,
};

/**
 * The tables that have a column `tenant_id`, read from the catalogue, so that a table of tomorrow is tested
 * as well.
 */
export async function tenantTables(home: TestDatabase, database: Database): Promise<string[]> {
  const rows = await asSuperuser(
    home,
    database,
    `SELECT format('%I.%I', n.nspname, c.relname) AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE n.nspname IN ('shared', 'checkpoints') AND c.relkind IN ('r', 'p')
        AND a.attname = 'tenant_id' AND NOT a.attisdropped
      ORDER BY 1`,
  );
  return rows.map(({ name }) => name as string);
}

/** Gives a tenant one row in each table, made from the catalogue; every text in it begins with the tenant's id. */
export async function fillTables(
  home: TestDatabase,
  database: Database,
  tables: readonly string[],
  tenant: string,
): Promise<void> {
  const inserts: string[] = [];
  for (const table of tables) {
    const columns = (await asSuperuser(
      home,
      database,
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable
         FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped
          AND attgenerated = '' ORDER BY attnum`,
    )) as unknown as Column[];
    const values = columns.map((column) => valueOf(table, column, tenant));
    inserts.push(
      `INSERT INTO ${table} (${columns.map(({ name }) => `"${name}"`).join()}) VALUES (${values.join()})`,
    );
  }
  // As a replica, so that keys to other tables do not ask for an order.
  await asSuperuser(
    home,
    database,
    `BEGIN; SET LOCAL session_replication_role = replica; ${inserts.join(';')}; COMMIT`,
  );
}

function valueOf(table: string, { name, type, nullable }: Column, tenant: string): string {
  const special = SPECIAL[`${table}.${name}`];
  if (name === 'tenant_id') return `'${tenant}'`;
  if (special) return special;
  const [, base = type, dimension = '0'] = /^(\w+)\((\d+)\)$/.exec(type) ?? [];
  if (base === 'text') return `'${tenant} ${name}'`;
  if (base === 'halfvec')
    return `'[${Array(Number(dimension) || 1)
      .fill(1)
      .join()}]'`;
  const value = VALUES[type.replace(/\(\d+\)/, '')];
  if (value !== undefined) return value;
  if (nullable) return 'NULL';
  throw new Error(`${table}.${name}: no value is known for the type ${type}; add one here.`);
}

const VALUES: Readonly<Record<string, string>> = {
  uuid: 'gen_random_uuid()',
  smallint: '1',
  integer: '1',
  bigint: '1',
  'double precision': '1',
  boolean: 'true',
  bytea: `'\\x00'`,
  'bit varying': `B'0'`,
  json: `'{}'`,
  jsonb: `'{}'`,
  date: 'current_date',
  'timestamp with time zone': 'now()',
  'text[]': `'{}'`,
  'smallint[]': `'{}'`,
};

/** The rows of one tenant in one table, as the owner sees them. */
export async function rowsOf(
  home: TestDatabase,
  database: Database,
  table: string,
  tenant: string,
): Promise<unknown[]> {
  const rows = await asSuperuser(
    home,
    database,
    `SELECT to_jsonb(t) AS row FROM ${table} t WHERE tenant_id = '${tenant}' ORDER BY t::text`,
  );
  return rows.map(({ row }) => row);
}

/** One text that changes when any row of the tenant in any table does. */
export async function fingerprint(
  home: TestDatabase,
  database: Database,
  tables: readonly string[],
  tenant: string,
): Promise<string> {
  const parts = tables.map(
    (table) => `SELECT '${table}' AS t, count(*), md5(string_agg(r::text, ',' ORDER BY r::text)) AS rows
                  FROM ${table} r WHERE tenant_id = '${tenant}'`,
  );
  return JSON.stringify(await asSuperuser(home, database, `${parts.join(' UNION ALL ')} ORDER BY 1`));
}
