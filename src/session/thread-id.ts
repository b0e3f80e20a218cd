import { requireText } from '../database/storable.js';
import { InvalidInputError } from '../errors.js';

/** In UTF-16 units. */
export const MAX_THREAD_ID = 256;

/**
 * Checks the caller's id of a thread: any text, save for the two that no URL can carry, since clients take
 * them for steps in a path.
 * @throws InvalidInputError
 */
export function requireThreadId(threadId: unknown, field = 'threadId'): asserts threadId is string {
  requireText(threadId, field, MAX_THREAD_ID);
  if (threadId === '.' || threadId === '..')
    throw new InvalidInputError([{ field, message: 'must not be "." or "..", which no URL can carry' }]);
}
