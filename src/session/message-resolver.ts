import type { BaseMessage } from '@langchain/core/messages';
import {
  DeltaSnapshot,
  type CheckpointPendingWrite,
  type CheckpointTuple,
} from '@langchain/langgraph-checkpoint';
import type { MessageLog } from './message-log.js';
import { isRun, MessageReference } from './message-reference.js';

/** Puts messages in the place of the references to them that LangGraph's tables hold. */
export class MessageResolver {
  constructor(private readonly log: MessageLog) {}

  /**
   * A stored checkpoint, with the messages of its channels and of what tasks wrote.
   * @throws MessagesGoneError when some of them are there no longer
   */
  async resolveAll(tenantId: string, tuple: CheckpointTuple): Promise<CheckpointTuple> {
    const channels = Object.entries(tuple.checkpoint.channel_values);
    const [values, pendingWrites] = await Promise.all([
      Promise.all(
        channels.map(async ([channel, value]) => [channel, await this.resolve(tenantId, value)] as const),
      ),
      tuple.pendingWrites &&
        Promise.all(
          tuple.pendingWrites.map(async ([task, channel, value]): Promise<CheckpointPendingWrite> => [
            task,
            channel,
            await this.resolve(tenantId, value),
          ]),
        ),
    ]);
    return {
      ...tuple,
      checkpoint: { ...tuple.checkpoint, channel_values: Object.fromEntries(values) },
      ...(pendingWrites && { pendingWrites }),
    };
  }

  /**
   * Messages in the place of a reference to them; any other value as it is.
   * @throws MessagesGoneError when some of them are there no longer
   */
  async resolve(tenantId: string, value: unknown): Promise<unknown> {
    if (!(value instanceof MessageReference)) return value;
    const rows = await this.log.resolve(tenantId, value.sessionId, value.runs);
    let next = 0;
    const messages = value.parts.flatMap((part): readonly BaseMessage[] => {
      if (!isRun(part)) return part.inline;
      const [first, last] = part;
      return rows.slice(next, (next += last - first + 1));
    });
    return value.shape === 'snapshot' ? new DeltaSnapshot(messages) : messages;
  }
}
