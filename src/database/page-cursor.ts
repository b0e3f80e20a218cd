import { InvalidInputError } from '../errors.js';

/** The last row of a page: a moment (ISO 8601) and the id that orders rows of the same moment. */
export interface PageEnd {
  readonly at: string;
  readonly id: string;
}

/** Wraps the end of a page into an opaque text for the next request. */
export function encodeCursor({ at, id }: PageEnd): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

/** @throws InvalidInputError for anything that `encodeCursor` did not make */
export function decodeCursor(cursor: string): PageEnd {
  try {
    const [at, id, ...rest] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (typeof at === 'string' && typeof id === 'string' && rest.length === 0)
      if (new Date(at).toISOString() === at && !id.includes('\0')) return { at, id };
  } catch {
    // falls through to the one refusal
  }
  throw new InvalidInputError([
    { field: 'cursor', message: 'is not a cursor of this list; start without one' },
  ]);
}
