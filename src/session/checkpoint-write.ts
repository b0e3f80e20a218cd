import type { RunnableConfig } from '@langchain/core/runnables';
import type { ChannelVersions, Checkpoint, CheckpointMetadata } from '@langchain/langgraph-checkpoint';
import type { DraftMessage } from './message-placing.js';
import type { MessageReference } from './message-reference.js';

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
export type References = ReadonlyMap<string, MessageReference>;
