import { requireText } from '../database/storable.js';
import { InvalidInputError } from '../errors.js';

export const MAX_PATH_SEGMENTS = 8;
/** Of one segment, in UTF-16 units, without the backslashes that escape. */
export const MAX_PATH_SEGMENT = 256;
const MAX_PATH = MAX_PATH_SEGMENTS * (2 * MAX_PATH_SEGMENT + 1);

/**
 * Splits a path such as `trip.seat` into the keys that lead to a value in metadata, the outermost first. A dot in a key
 * is written `\.` and a backslash `\\`. A segment is always the key of an object: `0` is the key `"0"`, not the first
 * element of a list.
 * @param field how the path is called in a violation
 * @throws InvalidInputError for an empty segment, too many, one too long or unstorable, and any other escape
 */
export function parseMetadataPath(path: string, field: string): readonly string[] {
  if (path.length > MAX_PATH)
    throw new InvalidInputError([{ field, message: `must have at most ${MAX_PATH_SEGMENTS} segments` }]);
  const segments = [''];
  const append = (text: string): void => {
    segments.push(`${segments.pop() ?? ''}${text}`);
  };
  for (const part of path.match(/\\.?|\.|[^\\.]+/gs) ?? [])
    if (part === '.') segments.push('');
    else if (part === '\\.' || part === '\\\\') append(part.slice(1));
    else if (!part.startsWith('\\')) append(part);
    else
      throw new InvalidInputError([
        {
          field,
          message: 'has a backslash that escapes nothing; in a key write \\. for a dot, \\\\ for a backslash',
        },
      ]);
  if (segments.length > MAX_PATH_SEGMENTS)
    throw new InvalidInputError([
      { field, message: `must have at most ${MAX_PATH_SEGMENTS} segments, not ${segments.length}` },
    ]);
  for (const [index, segment] of segments.entries())
    requireText(segment, `${field} (segment ${index + 1})`, MAX_PATH_SEGMENT);
  return segments;
}
