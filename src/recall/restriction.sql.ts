import type { Restriction } from './recall-condition.js';

/** The rows `m` on which a condition can be. */
export const MEMORIES = `(
  SELECT a.tenant_id, a.memory_id, a.agent_id, a.metadata, a.created_at, a.updated_at,
         r.thread_id, r.seq, r.speaker, r.role, r.occurred_at
    FROM shared.agent_memories a JOIN shared.recall_documents r USING (tenant_id, memory_id)) m`;

const OF_THE_MEMORY_ITSELF = /\bm\.(metadata|created_at|updated_at)\b/;

/** The same with no more than a condition looks at: a look-up in one table in place of two. */
export function memoriesFor(condition: string): string {
  return OF_THE_MEMORY_ITSELF.test(condition) ? MEMORIES : 'shared.recall_documents m';
}

/** Up to this many memories are looked up in the postings of each word, which are not read then. */
const VERY_FEW = 200;

/**
 * The memories of which a condition is true, as common table expressions: `allowed`, where an index told of `few`, of no
 * more than a sixteenth of the tenant's; else there are none. `looked_up` says whether they are `few`, or `very_few`. Each
 * that the index has is looked up and checked: an index may tell of others, too.
 */
export function allowedBy({ condition, lookup }: Restriction): string {
  return `
  bound AS MATERIALIZED (
    SELECT greatest(257, sum(chunks) / 16)::bigint AS most FROM shared.recall_corpus WHERE tenant_id = $1
  ), told AS MATERIALIZED (
    SELECT memory_id FROM (${lookup}) l LIMIT (SELECT most FROM bound)
  ), allowed AS MATERIALIZED (
    SELECT m.agent_id, m.memory_id
      FROM (SELECT DISTINCT memory_id FROM told) t CROSS JOIN LATERAL (
        SELECT m.agent_id, m.memory_id FROM ${memoriesFor(condition)}
         WHERE m.tenant_id = $1 AND m.memory_id = t.memory_id AND ${condition} OFFSET 0) m
     WHERE (SELECT count(*) FROM told) < (SELECT most FROM bound)
  ), looked_up AS MATERIALIZED (
    SELECT few, few AND (SELECT count(*) FROM allowed) <= ${VERY_FEW} AS very_few
      FROM (SELECT (SELECT count(*) FROM told) < (SELECT most FROM bound) AS few) f
  )`;
}

/** How a statement keeps to the memories of which a condition is true. */
export interface Restricted {
  /** Common table expressions to begin with. */
  readonly tables: string;
  /** Whether a memory may be one, told at no cost. */
  readonly mayBe: (id: string) => string;
  /** Whether it is. */
  readonly is: (id: string) => string;
  /** Whether an index told of few, which are `allowed`; and whether these are best looked up one by one. */
  readonly areFew: string;
  readonly areVeryFew: string;
}

/**
 * Where an index tells of few memories, these are a hash for what is found to be compared with. Where they are many, or no
 * index tells, each that is found is checked by itself. In neither case all of a tenant are read, and no estimate
 * of the planner decides: joined with the postings as it liked, a filter that took half of 100,000 memories made it look up
 * each of these for each word, in 12 s.
 */
export function restricted(restriction: Restriction | undefined): Restricted {
  const always = (): string => 'true';
  const unknown = { tables: '', mayBe: always, areFew: 'false', areVeryFew: 'false' };
  if (!restriction) return { ...unknown, is: always };
  // OFFSET 0 keeps it a look-up for each, and no join.
  const check = (id: string): string =>
    `EXISTS (SELECT FROM ${memoriesFor(restriction.condition)} WHERE m.tenant_id = $1 AND m.memory_id = ${id} AND ${restriction.condition} OFFSET 0)`;
  if (restriction.lookup === undefined) return { ...unknown, is: check };
  // Inside of OR or CASE it is a hash, and no join either.
  const isAllowed = (id: string): string => `${id} IN (SELECT memory_id FROM allowed)`;
  return {
    tables: `${allowedBy(restriction)}, `,
    mayBe: (id) => `(NOT (SELECT few FROM looked_up) OR ${isAllowed(id)})`,
    is: (id) => `(CASE WHEN (SELECT few FROM looked_up) THEN ${isAllowed(id)} ELSE ${check(id)} END)`,
    areFew: '(SELECT few FROM looked_up)',
    areVeryFew: '(SELECT very_few FROM looked_up)',
  };
}
