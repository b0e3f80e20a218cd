import { DamagedFileError } from './export-format.js';

const LINE_FEED = 10;

/**
 * The lines of a stream, without their line feeds. Only a line feed ends a line: `readline` would also end one
 * at U+2028, which JSON may have within a text.
 * @param longest bytes of the line of that number, from 1 on
 * @throws DamagedFileError when a line is longer, or the last one has no end
 */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  longest: (number: number) => number,
): AsyncGenerator<Buffer> {
  let number = 1;
  let begun: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); ; end = chunk.indexOf(LINE_FEED, from)) {
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      length += piece.length;
      if (length > longest(number))
        throw new DamagedFileError(`line ${number} is longer than ${longest(number)} bytes`);
      if (end < 0) {
        if (piece.length > 0) begun.push(piece);
        break;
      }
      yield begun.length > 0 ? Buffer.concat([...begun, piece]) : piece;
      begun = [];
      length = 0;
      number += 1;
      from = end + 1;
    }
  }
  if (length > 0) throw new DamagedFileError(`line ${number} has no end`);
}
