import { factsOf } from '../../src/memory/memory-facts.js';
import { RECOUNT } from '../support/recount.js';
import type { Query } from './deployment.js';

const SAME_MEMORY = 'USING (tenant_id, memory_id)';

/** Threads that a graph wrote to: their versions are those of its steps as well. */
const OF_GRAPHS = `(SELECT tenant_id, object_id FROM shared.audit_log WHERE action = 'session.write')`;

/** What never may be there, by what is wrong with it; each of all tenants. */
const HALVES: Readonly<Record<string, string>> = {
  'a memory without its document, or a document without its memory': `
    SELECT tenant_id, memory_id, m.retracted_at FROM shared.agent_memories m
      FULL JOIN shared.recall_documents d ${SAME_MEMORY}
     WHERE m.content IS NULL OR (m.retracted_at IS NULL) <> (d.lexemes IS NOT NULL)`,

  'other postings than the document names': `
    SELECT tenant_id, memory_id FROM shared.recall_documents d
      FULL JOIN (SELECT tenant_id, memory_id, array_agg(DISTINCT lexeme ORDER BY lexeme) AS lexemes
                   FROM shared.recall_postings GROUP BY 1, 2) p ${SAME_MEMORY}
     WHERE (SELECT array_agg(l ORDER BY l) FROM unnest(d.lexemes) l) IS DISTINCT FROM p.lexemes`,

  'a chunk of another length than its postings': `
    SELECT tenant_id, memory_id, chunk FROM shared.recall_postings GROUP BY 1, 2, 3
    HAVING sum(tf) <> min(dl) OR min(dl) <> max(dl)`,

  'neither all vectors nor a place in the queue': `
    SELECT tenant_id, m.memory_id, m.embedding_status, m.retracted_at, d.chunks, v.vectors, q.queued
      FROM shared.agent_memories m
      LEFT JOIN shared.recall_documents d ${SAME_MEMORY}
      LEFT JOIN (SELECT tenant_id, memory_id, count(*)::int AS vectors, min(chunk) AS first, max(chunk) AS last,
                        count(DISTINCT (agent_id, model)) AS sets
                   FROM shared.memory_embeddings GROUP BY 1, 2) v ${SAME_MEMORY}
      LEFT JOIN (SELECT tenant_id, memory_id, count(*)::int AS queued, bool_or(parked_at IS NOT NULL) AS parked
                   FROM shared.pending_embeddings GROUP BY 1, 2) q ${SAME_MEMORY}
     WHERE NOT coalesce(CASE
             WHEN m.retracted_at IS NOT NULL THEN v.vectors IS NULL AND q.queued IS NULL
             WHEN m.embedding_status IS NULL THEN
               v.vectors = d.chunks AND v.first = 0 AND v.last = d.chunks - 1 AND v.sets = 1 AND q.queued IS NULL
             ELSE v.vectors IS NULL AND q.queued = 1 AND q.parked = (m.embedding_status = 'parked') END, false)`,

  'vectors or a place in the queue without a memory': `
    SELECT tenant_id, memory_id FROM (SELECT tenant_id, memory_id FROM shared.memory_embeddings
                                      UNION SELECT tenant_id, memory_id FROM shared.pending_embeddings) v
    EXCEPT SELECT tenant_id, memory_id FROM shared.agent_memories`,

  'a gap between revisions': `
    SELECT tenant_id, memory_id, m.revision, r.kept FROM shared.agent_memories m
      LEFT JOIN (SELECT tenant_id, memory_id, array_agg(revision ORDER BY revision) AS kept
                   FROM shared.memory_revisions GROUP BY 1, 2) r ${SAME_MEMORY}
     WHERE coalesce(r.kept, '{}') <> ARRAY(SELECT generate_series(1, m.revision - 1))`,

  'a revision without what finds it': `
    SELECT tenant_id, memory_id, revision FROM shared.memory_revisions
     WHERE NOT retracted AND (chunks IS NULL OR cardinality(lexemes) = 0
        OR cardinality(lexemes) <> cardinality(frequencies) OR cardinality(embeddings) <> chunks)`,

  'a memory with another number of entries in the audit log than changes': `
    SELECT tenant_id, object_id, a.stored, m.copies, a.updated, m.revision, a.deleted
      FROM (SELECT tenant_id, object_id, count(*) FILTER (WHERE action = 'memory.store') AS stored,
                   count(*) FILTER (WHERE action = 'memory.update') AS updated,
                   count(*) FILTER (WHERE action = 'memory.delete') AS deleted
              FROM shared.audit_log WHERE object_type = 'memory' GROUP BY 1, 2) a
      FULL JOIN (SELECT tenant_id, memory_id::text AS object_id, copies, revision FROM shared.agent_memories) m
           USING (tenant_id, object_id)
     WHERE NOT coalesce(CASE WHEN m.copies IS NULL THEN a.stored = 1 AND a.deleted = 1
             ELSE a.stored = m.copies AND a.updated = m.revision - 1 AND a.deleted = 0 END, false)`,

  'a session that does not agree with its messages': `
    SELECT s.tenant_id, s.thread_id, s.message_count, s.last_seq, m.live, m.last
      FROM shared.sessions s CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE live AND revision >= 0)::int AS live, coalesce(max(seq), 0) AS last
          FROM shared.session_messages o
         WHERE o.tenant_id = s.tenant_id AND o.session_id = s.session_id AND namespace = '') m
     WHERE s.message_count <> m.live OR s.last_seq <> m.last OR s.checkpointed_seq > s.last_seq`,

  'a run that names rows which are not there': `
    SELECT s.tenant_id, s.thread_id, run FROM shared.sessions s, jsonb_array_elements(s.runs) AS run
     WHERE (run ->> 1)::int - (run ->> 0)::int + 1 <> (
        SELECT count(*) FROM shared.session_messages m
         WHERE m.tenant_id = s.tenant_id AND m.session_id = s.session_id AND m.namespace = coalesce(run ->> 3, '')
           AND m.seq BETWEEN (run ->> 0)::int AND (run ->> 1)::int AND m.revision = (run ->> 2)::int)`,

  'a newest checkpoint that is not there': `
    SELECT s.tenant_id, s.thread_id, s.head_id FROM shared.sessions s
     WHERE head_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM checkpoints.checkpoints c WHERE c.tenant_id = s.tenant_id AND c.checkpoint_id = s.head_id)`,

  'a version without its entry in the audit log': `
    WITH appended AS (
      SELECT tenant_id, object_id, (details ->> 'version')::int AS version, count(*) AS times
        FROM shared.audit_log WHERE action = 'session.append' GROUP BY 1, 2, 3
    ), life AS (
      SELECT tenant_id, object_id, count(*) FILTER (WHERE action = 'session.clear') AS cleared
        FROM shared.audit_log WHERE object_type = 'session' GROUP BY 1, 2
    )
    SELECT l.*, s.version FROM life l
      LEFT JOIN shared.sessions s ON s.tenant_id = l.tenant_id AND s.thread_id = l.object_id
     WHERE (l.tenant_id, l.object_id) NOT IN ${OF_GRAPHS} AND (
           l.cleared + (s.version IS NOT NULL)::int <> (
             SELECT coalesce(sum(times), 0) FROM appended a
              WHERE (a.tenant_id, a.object_id, a.version) = (l.tenant_id, l.object_id, 1))
        OR s.version > (SELECT count(*) FROM appended a
              WHERE (a.tenant_id, a.object_id) = (l.tenant_id, l.object_id) AND a.version <= s.version)
        OR EXISTS (SELECT FROM appended a WHERE (a.tenant_id, a.object_id) = (l.tenant_id, l.object_id)
              AND a.version > 1 AND a.times > (SELECT coalesce(sum(times), 0) FROM appended b
                WHERE (b.tenant_id, b.object_id, b.version) = (a.tenant_id, a.object_id, a.version - 1))))`,

  'a session without an entry in the audit log': `
    SELECT tenant_id, thread_id FROM shared.sessions WHERE version > 0
    EXCEPT SELECT tenant_id, object_id FROM shared.audit_log`,

  'an answer that is remembered of a memory that is not there': `
    SELECT tenant_id, object_id, key FROM shared.idempotency_key_objects o
     WHERE NOT EXISTS (SELECT FROM shared.agent_memories m
                        WHERE m.tenant_id = o.tenant_id AND m.memory_id = o.object_id)`,

  'a receipt that contradicts its row': `
    SELECT tenant_id, receipt_id FROM shared.context_receipts
     WHERE hash IS DISTINCT FROM receipt ->> 'hash' OR length(fingerprints) % 12 <> 0 OR length(fingerprints) = 0
        OR tokens IS DISTINCT FROM (SELECT sum((section ->> 'used')::int)
                                      FROM json_array_elements(receipt -> 'sections') AS section)`,

  'an index of messages with arrays of several lengths': `
    SELECT tenant_id, session_id, seq FROM shared.recall_messages
     WHERE cardinality(lexemes) <> cardinality(lexeme_chunks) OR cardinality(lexemes) <> cardinality(frequencies)
        OR cardinality(lexemes) <> cardinality(chunk_lengths) OR cardinality(embeddings) <> chunks
        OR lexeme_count <> (SELECT coalesce(sum(f), 0) FROM unnest(frequencies) f)`,

  'an index that is not finished': `SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid`,
};

/** Everything that stands half in the database; nothing when each write is there with all of its rows or not at all. */
export async function halfWritten(query: Query): Promise<string[]> {
  const found: string[] = [];
  for (const [wrong, sql] of Object.entries(HALVES))
    for (const row of (await query(sql)).slice(0, 5)) found.push(`${wrong}: ${JSON.stringify(row)}`);
  const [counts] = await query(RECOUNT);
  if (JSON.stringify(counts?.['said']) !== JSON.stringify(counts?.['counted']))
    found.push(`the index is not what it is said to be: ${JSON.stringify(counts)}`);
  return [...found, ...(await wrongFacts(query))];
}

async function wrongFacts(query: Query): Promise<string[]> {
  const rows = (await query(`
    SELECT memory_id AS "memoryId", m.metadata, f.facts FROM shared.agent_memories m
      FULL JOIN (SELECT tenant_id, memory_id, array_agg(encode(fact, 'hex')) AS facts
                   FROM shared.memory_facts GROUP BY 1, 2) f ${SAME_MEMORY}`)) as {
    memoryId: string;
    metadata: Record<string, unknown> | null;
    facts: string[] | null;
  }[];
  return rows.flatMap(({ memoryId, metadata, facts }) => {
    const expected = metadata ? factsOf(metadata).map((fact) => fact.toString('hex')) : undefined;
    const isRight = expected?.sort().join() === [...(facts ?? [])].sort().join();
    return isRight ? [] : [`facts of other metadata: ${memoryId} ${JSON.stringify(metadata)}`];
  });
}

/** How many memories wait for their vectors. */
export async function countPending(query: Query): Promise<number> {
  const [row] = await query('SELECT count(*)::int AS pending FROM shared.pending_embeddings');
  return row?.['pending'] as number;
}
