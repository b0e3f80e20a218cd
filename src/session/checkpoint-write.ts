import type { RunnableConfig } from '@langchain/core/runnables';
import type { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import {
  maxChannelVersion,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointMetadata,
  type CheckpointTuple,
} from '@langchain/langgraph-checkpoint';
import { SessionConflictError } from '../errors.js';
import type { HeldSession } from './held-session.js';
import type { DraftMessage } from './message-log.js';
import { MessageReference, rowsMissing, type Run } from './message-reference.js';

/** The channel of `MessagesAnnotation` and of every prebuilt agent. */
export const MESSAGES = 'messages';

/** A checkpoint that is to be written. */
export interface CheckpointWrite {
  readonly config: RunnableConfig;
  readonly checkpoint: Checkpoint;
  readonly metadata: CheckpointMetadata;
  readonly newVersions: ChannelVersions;
  /** It means to go on from another checkpoint than the newest. */
  readonly isFork: boolean;
}

/** The messages of a channel. */
export interface ChannelDraft {
  readonly messages: readonly DraftMessage[];
  /** 'delta': of a delta channel, whose checkpoints do not hold its value. */
  readonly shape: 'list' | 'snapshot' | 'delta';
}
export type ChannelDrafts = ReadonlyMap<string, ChannelDraft>;

/** What a checkpoint keeps of each channel of messages. */
export type References = Map<string, MessageReference>;

/** What a checkpoint keeps in the place of messages, and what has to be written with it. */
export interface KeptCheckpoint {
  readonly references: References;
  readonly writes: readonly (() => Promise<unknown> | undefined)[];
}

/** A checkpoint, serialised but for its messages. */
export interface PreparedCheckpoint {
  readonly write: CheckpointWrite;
  readonly drafts: ChannelDrafts;
  readonly blobs: Awaited<ReturnType<PostgresSaver['_dumpBlobs']>>;
  readonly checkpoint: unknown;
  readonly metadata: unknown;
}

export const OVERTAKEN = 'Somebody else wrote to the thread meanwhile.';

export function newest(versions: ChannelVersions): number | undefined {
  const all = Object.values(versions);
  return all.length > 0 ? (maxChannelVersion(...all) as number) : undefined;
}

/** The newest checkpoint, with the messages that came since and stand in none. */
export function laidOver(tuple: CheckpointTuple, sessionId: string, runs: readonly Run[]): CheckpointTuple {
  const { checkpoint } = tuple;
  const before = checkpoint.channel_values[MESSAGES];
  const shape = before instanceof MessageReference ? before.shape : 'list';
  const values = { ...checkpoint.channel_values, [MESSAGES]: new MessageReference(sessionId, runs, shape) };
  return { ...tuple, checkpoint: { ...checkpoint, channel_values: values } };
}

/**
 * A run that began before messages were laid over its checkpoint does not know of them.
 * @throws SessionConflictError when it would drop one
 */
export function requireLaidOver({ laidOverAfter, liveRuns }: HeldSession, runs: readonly Run[]): void {
  if (laidOverAfter === null) return;
  if (rowsMissing(liveRuns, runs).some(({ seq }) => seq > laidOverAfter))
    throw new SessionConflictError(OVERTAKEN);
}

/** Whether a write changes the conversation and leaves out what it is now, as a delta channel does. */
export function isDelta({ checkpoint, metadata, newVersions }: CheckpointWrite): boolean {
  const counters = (metadata as { counters_since_delta_snapshot?: object }).counters_since_delta_snapshot;
  return (
    MESSAGES in newVersions &&
    !(MESSAGES in checkpoint.channel_values) &&
    counters !== undefined &&
    MESSAGES in counters
  );
}

/** Whether a value refers to messages of another session. */
export function isForeign(value: unknown, sessionId: string): boolean {
  return value instanceof MessageReference && value.sessionId !== sessionId;
}
