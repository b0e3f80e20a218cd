import { isOfTenant, tenantOfKey } from './tenant-of-key.js';

/**
 * LangGraph's own statements on its tables write one row at a time, each after an answer to the one before;
 * these write all rows of a checkpoint at once, with the same effect. $1 is the stored thread id,
 * which names the tenant. A key is named by its constraint: on Citus it has the tenant as well (`deploy/citus.sql`).
 */

const OF_TENANT = isOfTenant();

export const CHECKPOINT_EXISTS = `
  SELECT EXISTS (
    SELECT FROM checkpoints.checkpoints
     WHERE ${OF_TENANT} AND thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = $3
  ) AS "exists"`;

export const FIND_BLOB = `
  SELECT type, blob FROM checkpoints.checkpoint_blobs
   WHERE ${OF_TENANT} AND thread_id = $1 AND checkpoint_ns = $2 AND channel = $3 AND version = $4`;

/** A value stands once under its version: the one that came first stays. */
export const INSERT_BLOBS = `
  INSERT INTO checkpoints.checkpoint_blobs (tenant_id, thread_id, checkpoint_ns, channel, version, type, blob)
  SELECT ${tenantOfKey('$1')}, $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::bytea[])
  ON CONFLICT ON CONSTRAINT checkpoint_blobs_pkey DO NOTHING`;

export const SAVE_CHECKPOINT = `
  INSERT INTO checkpoints.checkpoints
    (tenant_id, thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
  VALUES (${tenantOfKey('$1')}, $1, $2, $3, $4, $5, $6)
  ON CONFLICT ON CONSTRAINT checkpoints_pkey
  DO UPDATE SET checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata`;

/** Names a parent that is not there, as a thread whose oldest checkpoints are gone does. */
export const NAME_PARENT = `
  UPDATE checkpoints.checkpoints SET parent_checkpoint_id = $4
   WHERE ${OF_TENANT} AND thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = $3`;

const INSERT_WRITES = `
  INSERT INTO checkpoints.checkpoint_writes
    (tenant_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob)
  SELECT ${tenantOfKey('$1')}, $1, $2, $3, $4, * FROM unnest($5::int[], $6::text[], $7::text[], $8::bytea[])
  ON CONFLICT ON CONSTRAINT checkpoint_writes_pkey`;

/** What a task wrote stands; it runs again only when it did not come so far. */
export const KEEP_WRITES = `${INSERT_WRITES} DO NOTHING`;

/** Errors, interrupts and answers to them: the last one counts. */
export const REPLACE_WRITES = `${INSERT_WRITES}
  DO UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type, blob = EXCLUDED.blob`;

/** What tasks wrote to a channel for a checkpoint, in the order in which LangGraph replays it. */
export const FIND_WRITES = `
  SELECT type, blob FROM checkpoints.checkpoint_writes
   WHERE ${OF_TENANT} AND thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = $3 AND channel = $4
   ORDER BY task_id, idx`;

/** What tasks wrote, each of $4 for the checkpoint at its place in $3. */
export const DELETE_WRITES = `
  DELETE FROM checkpoints.checkpoint_writes w
   USING unnest($3::text[], $4::text[]) AS r (checkpoint_id, task_id)
   WHERE ${isOfTenant('w.tenant_id')} AND w.thread_id = $1 AND w.checkpoint_ns = $2
     AND w.checkpoint_id = r.checkpoint_id AND w.task_id = r.task_id`;

/** The tenant's threads with messages that no checkpoint holds yet; of LangGraph's tables this asks nothing. */
export const THREADS_AHEAD = `
  SELECT thread_id AS "threadId" FROM shared.sessions
   WHERE tenant_id = $1 AND last_seq > checkpointed_seq
   ORDER BY thread_id`;
