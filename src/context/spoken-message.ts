import { isPlainObject } from '../database/storable.js';
import type { StoredMessage } from '../session/message.js';
import type { SpokenMessage } from '../summaries/summarizer.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { shorteningMark } from '../working-context/shorten-message.js';

/**
 * A stored message as a summarizer is shown it: its texts alone, each of an equal share of `maxTokens` when the message
 * has more. What is stored stays whole.
 */
export function spokenMessage(
  counter: TokenCounter,
  { role, name, content, tool_calls: calls = [], tokens, createdAt }: StoredMessage,
  maxTokens: number,
): SpokenMessage {
  const limit = Math.floor(maxTokens / (1 + calls.length));
  const shorten = (text: string): string => {
    if (tokens <= maxTokens) return text;
    const kept = counter.truncate(text, limit, 'start');
    return kept === text ? text : kept + shorteningMark(tokens);
  };
  return {
    role,
    ...(name !== undefined && { name }),
    content: shorten(textOf(content)),
    ...(calls.length > 0 && {
      calls: calls.map(({ type, function: called }) => ({
        name: called?.name ?? type,
        arguments: shorten(called?.arguments ?? ''),
      })),
    }),
    at: createdAt,
  };
}

/**
 * The text of a content, of parts one a line. What is no text is named by its type, lest an image be sent as its letters;
 * a graph can put whatever it likes there.
 */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => {
      if (typeof part === 'string') return part;
      if (!isPlainObject(part)) return '';
      const { type, text } = part;
      return typeof text === 'string' ? text : `[${typeof type === 'string' ? type : 'part'}]`;
    })
    .filter(Boolean)
    .join('\n');
}
