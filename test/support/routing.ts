import type pg from 'pg';

/** A node of a plan, as `EXPLAIN (VERBOSE, FORMAT JSON)` has it. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly Operation?: string;
  readonly Schema?: string;
  readonly 'Relation Name'?: string;
  readonly Alias?: string;
  readonly 'Function Name'?: string;
  readonly 'Function Call'?: string;
  readonly 'CTE Name'?: string;
  readonly 'Parent Relationship'?: string;
  readonly 'Subplan Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Recheck Cond'?: string;
  readonly Filter?: string;
  readonly 'Join Filter'?: string;
  readonly Output?: readonly string[];
  readonly Plans?: readonly PlanNode[];
}

export interface Routing {
  /** Tables of the two schemas that it reads or writes. */
  readonly tables: readonly string[];
  /** Functions of the two schemas that it calls in FROM, with their arguments. */
  readonly functions: readonly string[];
  /** Each table that it reads or writes without saying of which tenant, with what the plan has instead. */
  readonly unrouted: readonly string[];
}

/** `$1`, or an immutable expression of it alone: a value that is known before any row is read. */
const KNOWN = String.raw`(?:\(?\$\d+\)?(?:::text)?|substr\(\$1, \(strpos\(\$1, ':'::text\) \+ 1\), \(split_part\(\$1, ':'::text, 1\)\)::integer\))`;

/**
 * How PostgreSQL's own planner understands a statement, sent by a role that no policy binds: so the conditions are
 * those of the statement alone. The plan is a generic one, for parameters that it does not know.
 * @param client of a superuser, on a database with the schema
 */
export async function routingOf(client: pg.Client, text: string): Promise<Routing> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL plan_cache_mode = force_generic_plan`);
    // Of a table of a few rows, once it was analyzed, everything is read, and one filter says all of the conditions.
    await client.query(`SET LOCAL enable_seqscan = off`);
    await client.query(`PREPARE routed AS ${text}`);
    const { rows } = await client.query<{ parameters: number }>(
      `SELECT coalesce(cardinality(parameter_types), 0) AS parameters FROM pg_prepared_statements WHERE name = 'routed'`,
    );
    const nulls = Array.from({ length: rows[0]?.parameters ?? 0 }, () => 'NULL').join(', ');
    const explained = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE routed${nulls && `(${nulls})`}`,
    );
    const root = explained.rows[0]?.['QUERY PLAN'][0]?.Plan;
    if (!root) throw new Error(`No plan of: ${text}`);
    return await routingOfPlan(client, root);
  } finally {
    await client.query('ROLLBACK');
    await client.query('DEALLOCATE ALL');
  }
}

async function routingOfPlan(client: pg.Client, root: PlanNode): Promise<Routing> {
  const nodes = [...walk(root)];
  const known = knownAliases(nodes);
  const tables = new Set<string>();
  const unrouted: string[] = [];
  for (const node of nodes) {
    const name = node['Relation Name'];
    if (name === undefined || (node.Schema !== 'shared' && node.Schema !== 'checkpoints')) continue;
    const table = `${node.Schema}.${name}`;
    tables.add(table);
    if (node['Node Type'] === 'ModifyTable') {
      // What it changes or deletes was scanned below; what it inserts is what its own plan puts out.
      if (node.Operation !== 'Insert') continue;
      const place = await placeOfTenant(client, table);
      const source = node.Plans?.find((plan) => plan['Parent Relationship'] === 'Outer');
      const value = putOut(source, place);
      if (!isKnown(value, known)) unrouted.push(`${table} <- ${value}`);
    } else if (!known.has(node.Alias ?? name))
      unrouted.push(`${table} where ${conditionsOf(node).join(' and ') || 'true'}`);
  }
  const functions = nodes.flatMap((node) => {
    const call = node['Function Call'] ?? '';
    return node.Schema === 'shared' && node['Function Name'] ? [call] : [];
  });
  return { tables: [...tables], functions, unrouted };
}

/** What stands in the place of the tenant; where a subquery is inserted as it is, the tenant is the first that it selects. */
function putOut(source: PlanNode | undefined, place: number): string {
  const value = source?.Output?.[place] ?? 'nothing';
  const [subquery] = source?.Plans ?? [];
  return value === '"*SELECT*"."?column?"' && place === 0 ? (subquery?.Output?.[0] ?? value) : value;
}

/** Of which of the names that a plan gives its tables the tenant is known, by itself or by another one's. */
function knownAliases(nodes: readonly PlanNode[]): Set<string> {
  const known = new Set<string>();
  const scans = nodes.filter(
    (node) => node['Relation Name'] !== undefined && node['Node Type'] !== 'ModifyTable',
  );
  for (let before = -1; before !== known.size;) {
    before = known.size;
    for (const node of scans)
      if (conditionsOf(node).some((condition) => says(condition, known))) known.add(node.Alias ?? '');
  }
  return known;
}

/** Whether a condition is an AND of which one part says the tenant. */
function says(condition: string, known: ReadonlySet<string>): boolean {
  const equals = new RegExp(String.raw`\((?:["\w]+\.)?tenant_id = (${KNOWN}|(?:["\w]+)\.tenant_id)\)`, 'g');
  return (
    [...condition.matchAll(equals)].some(([, value = '']) => isKnown(value, known)) && !/ OR /.test(condition)
  );
}

function isKnown(value: string, known: ReadonlySet<string>): boolean {
  if (new RegExp(`^${KNOWN}$`).test(value)) return true;
  const [alias, column] = value.split('.');
  return column === 'tenant_id' && known.has((alias ?? '').replaceAll('"', ''));
}

function conditionsOf(node: PlanNode): string[] {
  const own = [node['Index Cond'], node['Recheck Cond'], node.Filter];
  return own.filter((condition) => condition !== undefined);
}

function* walk(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const plan of node.Plans ?? []) yield* walk(plan);
}

async function placeOfTenant(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
    [table],
  );
  return rows.findIndex(({ name }) => name === 'tenant_id');
}
