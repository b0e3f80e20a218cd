import { UnreadableExport } from './conversation.js';

/**
 * The text of a file in UTF-8, or in UTF-16 with a byte order mark.
 * @throws UnreadableExport when it is no text, saying where
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0x1f && second === 0x8b)
    throw new UnreadableExport(
      'This is compressed with gzip. Unpack it, and choose the file that comes out.',
    );
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  // An archive is bytes, but its first four are a name that says so.
  if (first === 0x50 && second === 0x4b && bytes[2] === 0x03) return 'PK\u0003\u0004';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableExport(
      `This is no text in UTF-8: byte ${firstFault(bytes, encoding) + 1} is of no character. Save it as UTF-8.`,
    );
  }
}

/** The place of the first byte that cannot be decoded, by halving. */
function firstFault(bytes: Uint8Array, encoding: string): number {
  let [sound, faulty] = [0, bytes.length];
  while (faulty - sound > 1) {
    const middle = Math.floor((sound + faulty) / 2);
    try {
      // What stands at the end may be the beginning of a character: a stream waits for the rest.
      new TextDecoder(encoding, { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      sound = middle;
    } catch {
      faulty = middle;
    }
  }
  return sound;
}
