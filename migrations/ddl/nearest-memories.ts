/** The runtime role, made by a migration before. */
const ROLE = 'triptych_app';
const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;
const EMBEDDINGS = 'shared.memory_embeddings';

/**
 * One row for each chunk of a memory. The key is the whole index: it holds what a search compares first, so that
 * it reads the signs of a tenant's or an agent's rows, and nothing else, from end to end of their part of it.
 *
 * - `embedding` has no dimension, and `model` names the one it has: vectors of several models can stand side by side.
 *   A row of up to 8,160 bytes keeps it inline (3,700 dimensions); a longer one is stored out of line and still found.
 * - An index-only scan needs the visibility map, hence autovacuum after 1 % of new rows.
 * - There is no foreign key: it would need a second unique key of `agent_memories`, 85 bytes a row. Whoever deletes a
 *   memory deletes its rows here in the same transaction, and names the agent: without it the whole tenant is scanned.
 */
export const CREATE_MEMORY_EMBEDDINGS: readonly string[] = [
  `CREATE TABLE ${EMBEDDINGS} (
    tenant_id text NOT NULL,
    agent_id  text NOT NULL,
    memory_id uuid NOT NULL,
    chunk     smallint NOT NULL,
    model     text NOT NULL,
    signs     bit varying NOT NULL,
    embedding halfvec NOT NULL,
    CONSTRAINT memory_embeddings_pkey PRIMARY KEY (tenant_id, agent_id, memory_id, chunk) INCLUDE (model, signs)
  ) WITH (toast_tuple_target = 8160, autovacuum_vacuum_insert_threshold = 1000,
          autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_scale_factor = 0.02)`,
  `ALTER TABLE ${EMBEDDINGS} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
  `CREATE POLICY tenant ON ${EMBEDDINGS} USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ${EMBEDDINGS} TO ${ROLE}`,
];

/**
 * The same key with the model in it, so that a chunk has a vector of each. It has the same bytes: what is below the leaves
 * needs no more than before, since a chunk's place tells it apart.
 */
export const KEY_OF_EMBEDDINGS: readonly string[] = [
  `ALTER TABLE ${EMBEDDINGS} DROP CONSTRAINT memory_embeddings_pkey,
     ADD CONSTRAINT memory_embeddings_pkey PRIMARY KEY (tenant_id, agent_id, memory_id, chunk, model) INCLUDE (signs)`,
];
export const KEY_OF_EMBEDDINGS_BEFORE: readonly string[] = [
  `ALTER TABLE ${EMBEDDINGS} DROP CONSTRAINT memory_embeddings_pkey,
     ADD CONSTRAINT memory_embeddings_pkey PRIMARY KEY (tenant_id, agent_id, memory_id, chunk) INCLUDE (model, signs)`,
];

/** What a test makes smaller. */
interface Bounds {
  /** Rows compared in the last pass at most; on 100,000 vectors without any structure it leaves recall@10 at 0.99. */
  compared?: number;
  /** More than a memory has, so that there are `most` memories even in what is cut off. */
  chunks?: number;
}

/** Standard deviations of the share of differing bits: a true neighbour at the very edge is missed in 0.6 % of cases. */
const DEVIATIONS = 2.5;

/**
 * The `most` memories nearest to `query` by cosine distance, nearest first, the newest of equals first, as
 * `"memoryId"`, `distance` of its nearest chunk, and `exhaustive`, false in every row when not all chunks within reach
 * were compared. Three functions: of a tenant; `_of_agent`, with the agent; `_among`, with an array each of
 * agents and of their memories. No row means that there is none, or an argument is null.
 *
 * How many rows are compared is derived, not tuned. 400 rows are listed by Hamming distance of their signs, and 50 of
 * them compared. The angle of the k-th best then says within which Hamming distance the k nearest lie; every row
 * within it is compared, from the list, and by a second scan where the list does not reach that far. So structured data
 * takes about 100 comparisons, and data without any structure turns into an exact scan by itself.
 *
 * They are functions to keep their plan: parsing and planning took more than half of a small tenant's search. The
 * plan cannot go wrong, because it cannot vary: a distance is a subquery by the full key, and not a join, of which a
 * stale estimate could make a hash of all vectors; the settings rule out what is left, and JIT, which begins at
 * 230,000 rows and loses.
 */
export function nearestFunctions(bounds: Bounds = {}): readonly string[] {
  const ofTenant = `${EMBEDDINGS} s WHERE s.tenant_id = of_tenant AND s.model = of_model`;
  // OFFSET 0 keeps it a look-up for each memory: planned for an empty table, a join scans the tenant for each instead.
  const among = `unnest(agents, memories) m (agent_id, memory_id) CROSS JOIN LATERAL (
         SELECT * FROM ${ofTenant} AND s.agent_id = m.agent_id AND s.memory_id = m.memory_id OFFSET 0) s WHERE true`;
  return [
    ...nearestFunction('nearest_memories', '', ofTenant, bounds),
    ...nearestFunction(
      'nearest_memories_of_agent',
      ', of_agent text',
      `${ofTenant} AND s.agent_id = of_agent`,
      bounds,
    ),
    ...nearestFunction('nearest_memories_among', ', agents text[], memories uuid[]', among, bounds),
  ];
}

export const NEAREST_FUNCTIONS = nearestFunctions();

function nearestFunction(name: string, parameters: string, source: string, bounds: Bounds): string[] {
  return [
    `CREATE OR REPLACE FUNCTION shared.${name}(
       of_tenant text, of_model text, query_signs bit varying, query halfvec, most bigint${parameters})
     RETURNS TABLE ("memoryId" uuid, distance float8, exhaustive boolean)
     LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 10
     SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
     AS $body$
#variable_conflict use_column
BEGIN
  RETURN QUERY ${nearest(source, bounds)};
END $body$`,
    `REVOKE EXECUTE ON FUNCTION shared.${name} FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION shared.${name} TO ${ROLE}`,
  ];
}

/** @param source what follows FROM, ending in a condition; its rows are called s */
function nearest(source: string, { compared = 20_000, chunks = 256 }: Bounds): string {
  const hamming = 's.signs <~> query_signs';
  const listed = 'greatest(400, 10 * most)';
  const first = 'greatest(50, 4 * most)';
  const far = `greatest(${compared}, ${chunks} * most)`;
  // A zero vector, of distance NaN, counts as the farthest. The last summand is Bernstein's, for very small angles.
  const reach = (from: string): string => `
    SELECT CASE WHEN found < most THEN 'infinity' ELSE
           bits * p + ${DEVIATIONS} * sqrt(bits * p * (1 - p)) + ${(DEVIATIONS ** 2 / 3).toFixed(2)} END
      FROM (SELECT count(*) AS found, length(query_signs) AS bits,
                   acos(1 - greatest(0, least(2, max(best.distance)))) / pi() AS p
              FROM (SELECT min(distance) AS distance FROM ${from} GROUP BY memory_id ORDER BY 1 LIMIT most) best) kth`;
  const distances = (rows: string): string => `
    SELECT c.memory_id, (
           SELECT e.embedding <=> query FROM ${EMBEDDINGS} e
            WHERE e.tenant_id = of_tenant AND e.agent_id = c.agent_id AND e.memory_id = c.memory_id AND e.chunk = c.chunk
              AND e.model = of_model
         ) AS distance FROM (${rows}) c`;
  return `
  WITH listed AS MATERIALIZED (
    SELECT s.agent_id, s.memory_id, s.chunk, ${hamming} AS hamming FROM ${source} ORDER BY hamming LIMIT ${listed}
  ), first AS MATERIALIZED (${distances(`SELECT * FROM listed LIMIT ${first}`)}
  ), bound AS MATERIALIZED (
    SELECT (${reach('first')}) AS reach,
           (SELECT CASE WHEN count(*) < ${listed} THEN 'infinity' ELSE max(hamming) END FROM listed) AS listed_to
  ), near AS MATERIALIZED (
    TABLE first UNION ALL ${distances(`SELECT * FROM listed OFFSET ${first}`)} WHERE c.hamming <= (SELECT reach FROM bound)
  ), far AS MATERIALIZED (${distances(`
      SELECT s.agent_id, s.memory_id, s.chunk FROM ${source}
         AND (SELECT reach >= listed_to FROM bound)
         AND ${hamming} >= (SELECT listed_to FROM bound) AND ${hamming} <= (${reach('near')})
       ORDER BY ${hamming} LIMIT ${far}`)}
  )
  SELECT memory_id, min(distance), (SELECT count(*) < ${far} FROM far)
    FROM (TABLE near UNION ALL TABLE far) compared
   GROUP BY memory_id ORDER BY 2, 1 DESC LIMIT most`;
}
