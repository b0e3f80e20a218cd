/**
 * What is said of the index of memories, and what there is: `said` and `counted`, two lists of figures. Of the tenant in
 * scope; of all tenants, for a superuser. What waits for vectors counts as if it had them.
 */
export const RECOUNT = `
  SELECT ARRAY[(SELECT coalesce(sum(chunks), 0) FROM shared.recall_corpus),
               (SELECT coalesce(sum(length), 0) FROM shared.recall_corpus),
               (SELECT count(*) FROM shared.agent_memories WHERE retracted_at IS NULL),
               (SELECT count(*) FROM shared.agent_memories WHERE retracted_at IS NULL),
               (SELECT coalesce(sum(revision - 1), 0) FROM shared.agent_memories)]::int[] AS said,
         ARRAY[(SELECT count(*) FROM (SELECT DISTINCT memory_id, chunk FROM shared.recall_postings) c),
               (SELECT coalesce(sum(tf), 0) FROM shared.recall_postings),
               (SELECT count(*) FROM shared.recall_documents),
               (SELECT count(DISTINCT memory_id) FROM shared.memory_embeddings)
                 + (SELECT count(DISTINCT memory_id) FROM shared.pending_embeddings),
               (SELECT count(*) FROM shared.memory_revisions)]::int[] AS counted`;
