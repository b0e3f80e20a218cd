/**
 * The nearest memories of one tenant by cosine distance: an exact scan of that tenant's vectors, which
 * lie densely and inline, so that the smallest tenant misses nothing. $1 tenant, $2 query vector,
 * $3 agent or null for every agent, $4 limit, $5 model, since vectors of two models are not comparable. Equal
 * distances come newest first.
 */
export const NEAREST = `
  WITH nearest AS MATERIALIZED (
    SELECT e.memory_id, e.embedding <=> $2::halfvec AS distance
      FROM shared.memory_embeddings e
     WHERE e.tenant_id = $1 AND e.model = $5 AND ($3::text IS NULL OR e.agent_id = $3)
     ORDER BY distance, e.memory_id DESC
     LIMIT $4
  )
  SELECT m.tenant_id AS "tenantId", m.memory_id AS "memoryId", m.agent_id AS "agentId", m.content, m.metadata,
         m.source, m.created_at AS "createdAt", m.updated_at AS "updatedAt", 1 - n.distance AS score
    FROM nearest n
    JOIN shared.agent_memories m ON m.tenant_id = $1 AND m.memory_id = n.memory_id
   ORDER BY n.distance, n.memory_id DESC`;

/** $1 tenant, $2 model, then one array a column. */
export const SAVE_EMBEDDINGS = `
  INSERT INTO shared.memory_embeddings (tenant_id, model, memory_id, agent_id, embedding)
  SELECT $1, $2, memory_id, agent_id, embedding::halfvec
    FROM unnest($3::uuid[], $4::text[], $5::text[]) AS e (memory_id, agent_id, embedding)
  ON CONFLICT (tenant_id, memory_id) DO UPDATE SET model = excluded.model, embedding = excluded.embedding`;
