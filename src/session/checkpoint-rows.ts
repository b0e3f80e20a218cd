import type { RunnableConfig } from '@langchain/core/runnables';
import type {
  ChannelVersions,
  Checkpoint,
  CheckpointMetadata,
  CheckpointTuple,
  PendingWrite,
} from '@langchain/langgraph-checkpoint';
import type { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import type { Database } from '../database/database.js';
import { SessionConflictError } from '../errors.js';
import { threadKey } from '../tenancy/thread-key.js';
import { checkpointIdOf, namespaceOf } from './checkpoint-config.js';
import type { TaskWrite } from './checkpoint-lineage.js';
import type { CheckpointWrite, References } from './checkpoint-write.js';
import * as sql from './checkpoint.sql.js';
import { CLEARED, type HeldSession } from './held-session.js';

type BlobRows = Awaited<ReturnType<PostgresSaver['_dumpBlobs']>>;
export type WriteRows = Awaited<ReturnType<PostgresSaver['_dumpWrites']>>;

/** What of LangGraph's `PostgresSaver` encodes and reads the rows of its tables. */
export interface SaverFunctions {
  readonly getTuple: (config: RunnableConfig) => Promise<CheckpointTuple | undefined>;
  readonly dumpCheckpoint: (checkpoint: Checkpoint) => unknown;
  readonly dumpMetadata: (metadata: CheckpointMetadata) => Promise<unknown>;
  readonly dumpBlobs: (
    key: string,
    namespace: string,
    values: Record<string, unknown>,
    versions: ChannelVersions,
  ) => Promise<BlobRows>;
  readonly dumpWrites: (
    key: string,
    namespace: string,
    checkpointId: string,
    taskId: string,
    writes: PendingWrite[],
  ) => Promise<WriteRows>;
  readonly load: (type: string, data: Uint8Array) => Promise<unknown>;
}

/** Names a checkpoint in LangGraph's tables. */
export interface CheckpointAddress {
  /** The stored id of the thread. */
  readonly key: string;
  readonly namespace: string;
  readonly checkpointId: string;
}

/** A checkpoint, encoded but for the channels that are references. */
export interface EncodedCheckpoint {
  readonly write: CheckpointWrite;
  readonly blobs: BlobRows;
  readonly checkpoint: unknown;
  readonly metadata: unknown;
}

/** The rows of LangGraph's tables. What its saver would write one at a time is written at once. */
export class CheckpointRows {
  constructor(
    private readonly database: Database,
    private readonly saver: SaverFunctions,
  ) {}

  /**
   * A checkpoint as it is stored, with references in the place of messages.
   * @param config names the stored id of the thread; LangGraph's newest when it names no checkpoint
   */
  find(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    return this.saver.getTuple(config);
  }

  /**
   * Encodes a checkpoint; needs no connection.
   * @param key the stored id of its thread
   * @param versions of the channels whose values are encoded with it
   * @throws InvalidInputError when the metadata is not JSON
   */
  async encode(key: string, write: CheckpointWrite, versions: ChannelVersions): Promise<EncodedCheckpoint> {
    const { config, checkpoint } = write;
    const [blobs, metadata] = await Promise.all([
      this.saver.dumpBlobs(key, namespaceOf(config), checkpoint.channel_values, versions),
      this.saver.dumpMetadata(write.metadata),
    ]);
    return { write, blobs, metadata, checkpoint: this.saver.dumpCheckpoint(checkpoint) };
  }

  /** Writes a checkpoint, with references for the channels that it was encoded without. */
  async save(key: string, encoded: EncodedCheckpoint, references: References): Promise<void> {
    const { write, blobs, checkpoint, metadata } = encoded;
    const { config, newVersions } = write;
    const namespace = namespaceOf(config);
    const versions = Object.fromEntries(
      Object.entries(newVersions).filter(([channel]) => references.has(channel)),
    );
    const all = [
      ...blobs,
      ...(await this.saver.dumpBlobs(key, namespace, Object.fromEntries(references), versions)),
    ];
    await Promise.all([
      all.length > 0 &&
        this.database.query(sql.INSERT_BLOBS, [
          key,
          namespace,
          all.map((blob) => blob[2]),
          all.map((blob) => blob[3]),
          all.map((blob) => blob[4]),
          all.map((blob) => (blob[5] ? Buffer.from(blob[5]) : null)),
        ]),
      this.database.query(sql.SAVE_CHECKPOINT, [
        key,
        namespace,
        write.checkpoint.id,
        checkpointIdOf(config) ?? null,
        checkpoint,
        metadata,
      ]),
    ]);
  }

  /** @throws SessionConflictError when the checkpoint is gone */
  async requireThere({ key, namespace, checkpointId }: CheckpointAddress): Promise<void> {
    const [found] = await this.database.query<{ exists: boolean }>(sql.CHECKPOINT_EXISTS, [
      key,
      namespace,
      checkpointId,
    ]);
    if (!found?.exists) throw new SessionConflictError(CLEARED);
  }

  /** @throws SessionConflictError when the checkpoint that a write goes on from is gone */
  async requireParent(session: HeldSession, config: RunnableConfig): Promise<void> {
    const checkpointId = checkpointIdOf(config);
    if (checkpointId === undefined || checkpointId === session.headId) return;
    const key = threadKey(session.tenantId, session.threadId);
    await this.requireThere({ key, namespace: namespaceOf(config), checkpointId });
  }

  /** The value of a channel at a version; nothing when there is none. */
  async value(key: string, namespace: string, channel: string, version: string): Promise<unknown> {
    const [found] = await this.database.query<{ type: string; blob: Buffer | null }>(sql.FIND_BLOB, [
      key,
      namespace,
      channel,
      version,
    ]);
    return found?.blob && this.saver.load(found.type, found.blob);
  }

  /** What tasks wrote to a channel for a checkpoint, in the order in which LangGraph replays it. */
  async writesTo(address: CheckpointAddress, channel: string): Promise<unknown[]> {
    const { key, namespace, checkpointId } = address;
    const found = await this.database.query<{ type: string; blob: Buffer }>(sql.FIND_WRITES, [
      key,
      namespace,
      checkpointId,
      channel,
    ]);
    return Promise.all(found.map(({ type, blob }) => this.saver.load(type, blob)));
  }

  /** Encodes what a task wrote; needs no connection. */
  encodeWrites(address: CheckpointAddress, taskId: string, writes: PendingWrite[]): Promise<WriteRows> {
    const { key, namespace, checkpointId } = address;
    return this.saver.dumpWrites(key, namespace, checkpointId, taskId, writes);
  }

  /** @param replace what the task wrote before, where it did; that stands otherwise */
  async saveWrites(
    { key, namespace, checkpointId }: CheckpointAddress,
    taskId: string,
    rows: WriteRows,
    { replace }: { replace: boolean },
  ): Promise<void> {
    await this.database.query(replace ? sql.REPLACE_WRITES : sql.KEEP_WRITES, [
      key,
      namespace,
      checkpointId,
      taskId,
      rows.map((row) => row[4]),
      rows.map((row) => row[5]),
      rows.map((row) => row[6]),
      rows.map((row) => Buffer.from(row[7])),
    ]);
  }

  /** Deletes what tasks wrote for checkpoints. */
  async deleteWrites(key: string, namespace: string, tasks: readonly TaskWrite[]): Promise<void> {
    if (tasks.length === 0) return;
    await this.database.query(sql.DELETE_WRITES, [
      key,
      namespace,
      tasks.map(({ checkpointId }) => checkpointId),
      tasks.map(({ taskId }) => taskId),
    ]);
  }
}
