import { type ImportMessage } from './conversation.js';

/** Of one request: the service takes 1,000 messages, and 1,048,576 bytes unless `BODY_LIMIT` says otherwise. */
export const MAX_BATCH_MESSAGES = 200;
export const MAX_BATCH_BYTES = 512 * 1024;

/** Consecutive messages of a conversation, `from` inclusive and `to` exclusive. */
export interface Batch {
  from: number;
  to: number;
}

/**
 * Cuts a conversation into requests. One message that is more than a batch has a batch of its own. The same messages are
 * always cut alike, so that an import which is begun again sends the same requests.
 */
export function batchesOf(
  messages: readonly ImportMessage[],
  { count = MAX_BATCH_MESSAGES, bytes = MAX_BATCH_BYTES } = {},
): Batch[] {
  const batches: Batch[] = [];
  let from = 0;
  let size = 0;
  for (const [index, message] of messages.entries()) {
    const added = bytesOf(message);
    if (index > from && (index - from >= count || size + added > bytes)) {
      batches.push({ from, to: index });
      [from, size] = [index, 0];
    }
    size += added;
  }
  if (messages.length > from) batches.push({ from, to: messages.length });
  return batches;
}

const encoder = new TextEncoder();

function bytesOf(message: ImportMessage): number {
  return encoder.encode(JSON.stringify(message)).length + 1;
}
