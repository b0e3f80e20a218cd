import type { NewMessage } from 'triptych-client';
import { objectsOf } from './json-lines.js';

/**
 * Reads messages: a JSON list, an object with such a list as `messages` (a request of the OpenAI API, an answer of
 * ours), or lines of JSON. What the service adds to a stored message is left out, so that an answer can be sent again.
 * @throws UsageError when it is none of these, or holds no message
 */
export function messagesOf(text: string): NewMessage[] {
  return objectsOf(text, 'messages').map(
    ({ seq: _seq, tokens: _tokens, createdAt: _createdAt, ...message }) => message as NewMessage,
  );
}
