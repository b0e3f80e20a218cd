/**
 * The tenant of a stored thread id (`4:acme:trip`), as an expression. Row-level security hides other tenants' rows as it is;
 * this says in the statement itself whose rows it is about, so that a distributed database knows where they are.
 * @param key an expression of that id, or of what it begins with
 */
export function tenantOf(key: string): string {
  return `substr(${key}, strpos(${key}, ':') + 1, split_part(${key}, ':', 1)::int)`;
}

/** What LangGraph's saver sends; its types keep it private. */
export type SaverStatements = Record<'SELECT_SQL' | 'SELECT_PENDING_SENDS_SQL', string> &
  Record<string, string>;

const CHECKPOINTS = /from "checkpoints"\.checkpoints cp\s*$/;
const OF_THREAD = /\b(bl|cw)\.thread_id = cp\.thread_id/g;

/**
 * LangGraph's statements, with the tenant in the conditions of each table. Their first parameter is the stored
 * thread id, or what those of the tenant begin with.
 * @throws Error when the library has other statements than these were made for
 */
export function routed(statements: SaverStatements): SaverStatements {
  const select = statements.SELECT_SQL;
  if (!CHECKPOINTS.test(select) || select.match(OF_THREAD)?.length !== 2) throw new Error(CHANGED);
  const { SELECT_PENDING_SENDS_SQL: sends } = statements;
  if (!sends.includes('cw.thread_id = $1')) throw new Error(CHANGED);
  const deletes = Object.entries(statements)
    .filter(([name]) => name.startsWith('DELETE_'))
    .map(([name, text]) => [name, `${text} AND tenant_id = ${tenantOf('$1')}`] as const);
  if (deletes.some(([, text]) => !text.includes('WHERE thread_id = $1 AND'))) throw new Error(CHANGED);
  return {
    ...statements,
    ...Object.fromEntries(deletes),
    SELECT_SQL: select
      .replaceAll(
        OF_THREAD,
        (condition, table: string) => `${table}.tenant_id = ${tenantOf('$1')} and ${condition}`,
      )
      .replace(
        CHECKPOINTS,
        `from (select * from "checkpoints".checkpoints where tenant_id = ${tenantOf('$1')}) cp `,
      ),
    SELECT_PENDING_SENDS_SQL: sends.replace(
      'cw.thread_id = $1',
      `cw.thread_id = $1 and cw.tenant_id = ${tenantOf('$1')}`,
    ),
  };
}

const CHANGED =
  'The statements of @langchain/langgraph-checkpoint-postgres have changed: see src/session/routed-statements.ts.';
