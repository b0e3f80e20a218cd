import { isDeltaSnapshot } from '@langchain/langgraph-checkpoint';
import { isRoot, namespaceOf } from './checkpoint-config.js';
import {
  MESSAGES,
  type ChannelDraft,
  type ChannelDrafts,
  type CheckpointWrite,
  type References,
} from './checkpoint-write.js';
import { isConversation } from './conversation.js';
import type { HeldSession } from './held-session.js';
import type { MessageLog } from './message-log.js';
import { MessageReference } from './message-reference.js';

/** Finds the messages among the channels of a checkpoint, and keeps those that are not the conversation's. */
export class ChannelMessages {
  constructor(private readonly log: MessageLog) {}

  /**
   * Takes down the messages of all channels that a write changes, as they are now; needs no connection. Which
   * channels these are is known at once, and their messages when they are counted.
   * @throws InvalidInputError when one could not be given back as it came
   */
  draft(write: CheckpointWrite): ReadonlyMap<string, Promise<ChannelDraft>> {
    const { config, checkpoint, newVersions } = write;
    const drafts = new Map<string, Promise<ChannelDraft>>();
    if (isRoot(config) && isDelta(write))
      drafts.set(MESSAGES, Promise.resolve({ messages: [], shape: 'delta' }));
    for (const channel of Object.keys(newVersions)) {
      const value = checkpoint.channel_values[channel];
      const isSnapshot = isDeltaSnapshot(value);
      const messages: unknown = isSnapshot ? value.value : value;
      if (!isConversation(messages)) continue;
      if (messages.length === 0 && !(isRoot(config) && channel === MESSAGES)) continue;
      const shape = isSnapshot ? 'snapshot' : 'list';
      const drafted = this.log.draft(messages);
      drafts.set(
        channel,
        drafted.then((messages) => ({ messages, shape })),
      );
    }
    return drafts;
  }

  /** Writes the messages of all channels but the conversation's, each channel's to a namespace of its own. */
  async recordAside(
    session: HeldSession,
    { config }: CheckpointWrite,
    drafts: ChannelDrafts,
  ): Promise<References> {
    const references = new Map<string, MessageReference>();
    for (const [channel, { messages, shape }] of drafts) {
      if ((isRoot(config) && channel === MESSAGES) || shape === 'delta') continue;
      const namespace = `${channel}@${namespaceOf(config)}`;
      const rows = await this.log.recordAside(session, namespace, messages);
      references.set(channel, MessageReference.of(session.sessionId, rows, shape));
    }
    return references;
  }
}

/** Whether a write changes the conversation and leaves out what it is now, as a delta channel does. */
function isDelta({ checkpoint, metadata, newVersions }: CheckpointWrite): boolean {
  const counters = (metadata as { counters_since_delta_snapshot?: object }).counters_since_delta_snapshot;
  return (
    MESSAGES in newVersions &&
    !(MESSAGES in checkpoint.channel_values) &&
    counters !== undefined &&
    MESSAGES in counters
  );
}
