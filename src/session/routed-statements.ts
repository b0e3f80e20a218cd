import { isOfTenant } from './tenant-of-key.js';

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
    .map(([name, text]) => [name, `${text} AND ${isOfTenant()}`] as const);
  if (deletes.some(([, text]) => !text.includes('WHERE thread_id = $1 AND'))) throw new Error(CHANGED);
  return {
    ...statements,
    ...Object.fromEntries(deletes),
    SELECT_SQL: select
      .replaceAll(
        OF_THREAD,
        (condition, table: string) => `${isOfTenant(`${table}.tenant_id`)} and ${condition}`,
      )
      .replace(CHECKPOINTS, `from (select * from "checkpoints".checkpoints where ${isOfTenant()}) cp `),
    SELECT_PENDING_SENDS_SQL: sends.replace(
      'cw.thread_id = $1',
      `cw.thread_id = $1 and ${isOfTenant('cw.tenant_id')}`,
    ),
  };
}

const CHANGED =
  'The statements of @langchain/langgraph-checkpoint-postgres have changed: see src/session/routed-statements.ts.';
