import { InvalidInputError } from '../errors.js';

/** The ETag of a thread: its version, as a strong validator. */
export function entityTag(version: number): string {
  return `"${version}"`;
}

/**
 * The version that a writer expects, of the header `If-Match`.
 * @throws InvalidInputError unless it is one ETag as this service answers it
 */
export function expectedVersionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined) return undefined;
  const [, version] = /^"(\d{1,9})"$/.exec(ifMatch.trim()) ?? [];
  if (version === undefined)
    throw new InvalidInputError([
      { field: 'If-Match', message: 'must be one ETag of the thread, its version in quotes, such as "3"' },
    ]);
  return Number(version);
}

/** Whether a reader has this version already, by the header `If-None-Match` (RFC 9110, weak comparison). */
export function isKnownVersion(ifNoneMatch: string | undefined, version: number): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(entityTag(version));
}
