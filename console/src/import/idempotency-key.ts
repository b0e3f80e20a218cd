import { type ImportMessage } from './conversation.js';

/** What a conversation says from its first message to its last. */
export function digestOf(messages: readonly ImportMessage[]): string {
  return hash(messages.map((message) => hash(JSON.stringify(message))).join(' '));
}

/**
 * The `Idempotency-Key` of the messages `from` inclusive and `to` exclusive: made of what the whole conversation says and
 * where it goes, so that the same file sent again, after an error, a cancel or a reload of the page, is the same request,
 * and is not stored twice while the thread lives. A conversation that has grown since shares no key with what it was:
 * its beginning would be taken for a repetition, and its end be added to a thread that should have been left alone.
 */
export function importKey(threadId: string, digest: string, from: number, to: number): string {
  return `import-${hash(JSON.stringify([threadId, digest, from, to]))}`;
}

/**
 * No secret and no proof: two 53-bit hashes are as good as unique among the keys of a tenant, and a page that is not
 * served over TLS has no `crypto.subtle`.
 */
function hash(text: string): string {
  return `${hash53(text, 0x9e3779b9)}${hash53(text, 0x85ebca6b)}`;
}

/** cyrb53, a mixing of two 32-bit multiplicative hashes, as 14 hex digits. */
function hash53(text: string, seed: number): string {
  let [one, two] = [0xdeadbeef ^ seed, 0x41c6ce57 ^ seed];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    one = Math.imul(one ^ code, 2654435761);
    two = Math.imul(two ^ code, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
  two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return (4294967296 * (2097151 & two) + (one >>> 0)).toString(16).padStart(14, '0');
}
