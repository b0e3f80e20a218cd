import { MEMORIES } from './candidates.sql.js';

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
 * The same among those that match a condition, which is evaluated first, on indexes of its own: then one look-up for
 * each match, so that few matches are compared whole.
 * @param condition on a row `m` of `MEMORIES`, parameters from $6 on
 */
export function nearestMemoriesWhere(condition: string): string {
  return nearestFrom(`(
    SELECT array_agg(m.agent_id) AS agents, array_agg(m.memory_id) AS memories
      FROM ${MEMORIES} WHERE m.tenant_id = $1 AND ${condition}
  ) matching, shared.nearest_memories_among($1, $2, $3, $4, $5, matching.agents, matching.memories)`);
}

function nearestFrom(source: string): string {
  return `SELECT nearest."memoryId", nearest.distance, nearest.exhaustive FROM ${source} nearest`;
}

/**
 * The exact cosine distance of given memories, of the nearest chunk of each, in no order; one without a vector of this
 * model is left out. $1 tenant, $2 model, $3 the vector of the query, $4 ids, both binary.
 */
export const COMPARE_MEMORIES = `
  WITH compared AS MATERIALIZED (
    SELECT m.memory_id, (
           SELECT min(e.embedding <=> $3) FROM shared.memory_embeddings e
            WHERE e.tenant_id = $1 AND e.agent_id = m.agent_id AND e.memory_id = m.memory_id AND e.model = $2
         ) AS distance
      FROM shared.agent_memories m WHERE m.tenant_id = $1 AND m.memory_id = ANY ($4::uuid[])
  )
  SELECT memory_id AS "memoryId", distance FROM compared WHERE distance IS NOT NULL`;

/** $1 tenant, $2 model, then one array a column, the last three binary; `chunk` counts from 0. */
export const INSERT_EMBEDDINGS = `
  INSERT INTO shared.memory_embeddings (tenant_id, model, agent_id, chunk, memory_id, signs, embedding)
  SELECT $1, $2, e.*
    FROM unnest($3::text[], $4::smallint[], $5::uuid[], $6::varbit[], $7::halfvec[]) e`;

/** $1 tenant, $2 agent, $3 memory. Nothing else deletes them with a memory: there is no foreign key. */
export const DELETE_EMBEDDINGS = `
  DELETE FROM shared.memory_embeddings WHERE tenant_id = $1 AND agent_id = $2 AND memory_id = $3`;
