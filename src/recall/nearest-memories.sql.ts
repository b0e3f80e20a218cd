import type { Restriction } from './recall-condition.js';
import { memoriesFor, restricted } from './restriction.sql.js';

/**
 * The nearest memories of a tenant: see `nearestFunctions`. $1 tenant, $2 model, $3 sign bits and $4 the vector of the
 * query, both binary, $5 how many.
 */
export const NEAREST_MEMORIES = nearestFrom('shared.nearest_memories($1, $2, $3, $4, $5)');

/** The same among one agent's; $6 agent. */
export const NEAREST_MEMORIES_OF_AGENT = nearestFrom(
  'shared.nearest_memories_of_agent($1, $2, $3, $4, $5, $6)',
);

/**
 * The same among those of which a condition is true. If an index tells of few, these are looked up and compared. Else more
 * than are wanted are found among all, and checked: when enough of them are left, these are the nearest. When not,
 * all of the tenant are read and checked before, and each that is left is looked up, of 100,000 in a second.
 * @param restriction parameters from $6 on
 */
export function nearestMemoriesWhere(restriction: Restriction): string {
  const { tables, is, areFew } = restricted(restriction);
  const ofFew = 'SELECT agent_id, memory_id FROM allowed UNION ALL';
  return `
  WITH ${tables}near AS MATERIALIZED (
    SELECT n.* FROM shared.nearest_memories($1, $2, $3, $4, $5 + least(2 * $5, 1000)) n
     WHERE NOT ${areFew}
  ), kept AS MATERIALIZED (
    SELECT * FROM (SELECT * FROM near ORDER BY distance, "memoryId" DESC OFFSET 0) n
     WHERE ${is('n."memoryId"')} ORDER BY distance, "memoryId" DESC LIMIT $5
  ), enough AS MATERIALIZED (
    SELECT count(*) >= $5 OR ${areFew} AS are_enough FROM kept
  ), matching AS MATERIALIZED (
    -- LATERAL, and OFFSET 0: else it starts parallel workers before it knows that there is nothing to read.
    SELECT array_agg(s.agent_id) AS agents, array_agg(s.memory_id) AS memories FROM (
      ${restriction.lookup === undefined ? '' : ofFew}
      SELECT a.* FROM enough CROSS JOIN LATERAL (
        SELECT m.agent_id, m.memory_id FROM ${memoriesFor(restriction.condition)}
         WHERE m.tenant_id = $1 AND NOT enough.are_enough AND ${restriction.condition} OFFSET 0) a) s
  )
  SELECT n."memoryId", n.distance, n.exhaustive FROM kept n, enough WHERE are_enough
   UNION ALL
  ${nearestFrom('matching, shared.nearest_memories_among($1, $2, $3, $4, $5, matching.agents, matching.memories)')}`;
}

function nearestFrom(source: string): string {
  return `SELECT nearest."memoryId", nearest.distance, nearest.exhaustive FROM ${source} nearest`;
}
