import type { StoreMemoryRequest } from 'triptych-client';
import { objectsOf } from './json-lines.js';

/** What the service adds to a stored memory. */
const ADDED: ReadonlySet<string> = new Set([
  ...['memoryId', 'tenantId', 'createdAt', 'updatedAt', 'revision', 'storedBy', 'copies', 'retractedAt'],
  ...['embeddingStatus', 'embeddingFailure'],
]);
/** Of these, `null` says nothing. */
const KNOWN: ReadonlySet<string> = new Set(['agentId', 'content', 'metadata', 'source']);

/**
 * Reads memories: a JSON list, an object with such a list as `memories`, or lines of JSON. What the service adds to a
 * stored memory is left out, so that an answer can be sent again; what it does not know, it shall refuse itself.
 * @param defaults of those that say nothing
 * @throws UsageError when it is none of these, or holds no memory
 */
export function memoriesOf(text: string, defaults: Partial<StoreMemoryRequest>): StoreMemoryRequest[] {
  return objectsOf(text, 'memories').map((memory) => {
    const said = Object.entries(memory).filter(
      ([field, value]) => !ADDED.has(field) && !(KNOWN.has(field) && value === null),
    );
    return { ...defaults, ...Object.fromEntries(said) } as StoreMemoryRequest;
  });
}
