import { get_encoding, type Tiktoken, type TiktokenEncoding } from 'tiktoken';
import { StartupError } from '../errors.js';
import { characterBound } from './character-bounds.js';
import { loopTurns, type LoopTurns } from './loop-turns.js';
import { pieceEnd } from './pieces.js';
import { RecentCounts } from './recent-counts.js';
import { type Keep, TokenCounter } from './token-counter.js';

export const DEFAULT_ENCODING: TiktokenEncoding = 'cl100k_base';
export const ENCODINGS: readonly TiktokenEncoding[] = [
  'cl100k_base',
  'o200k_base',
  'p50k_base',
  'p50k_edit',
  'r50k_base',
  'gpt2',
];

/** How far the count of a text has come. */
interface Progress {
  readonly text: string;
  /** Where the next piece starts. */
  start: number;
  total: number;
}

/**
 * Counts with OpenAI's own encodings. A text is encoded piece by piece (`pieceEnd`) and its count is, by
 * definition, the sum over its pieces: linear in time for all texts, and the encoder's own count for every text
 * without 384 characters of one kind in a row or 4,096 without a word's or a line's end (base64). What looks
 * like a control token (`<|endoftext|>`) is plain text.
 *
 * Making one reads the encoding's table: 60 to 350 ms, once for a process. Its memory goes with the object.
 */
export class TiktokenCounter extends TokenCounter {
  readonly encoding: string;
  readonly #encoder: Tiktoken;
  readonly #recent = new RecentCounts();
  readonly #turns: LoopTurns;
  /** The piece that was encoded last. */
  #last: { readonly piece: string; readonly tokens: Uint32Array } = { piece: '', tokens: new Uint32Array() };

  /**
   * @param turns of the event loop, by which long texts are counted
   * @throws StartupError when there is no such encoding; the message lists those there are
   */
  constructor(encoding: string = DEFAULT_ENCODING, turns: LoopTurns = loopTurns) {
    super();
    const known = ENCODINGS.find((name) => name === encoding);
    if (!known)
      throw new StartupError(
        `There is no token encoding ${JSON.stringify(encoding)}. Known encodings: ${ENCODINGS.join(', ')}.`,
      );
    this.encoding = known;
    this.#encoder = get_encoding(known);
    this.#turns = turns;
  }

  count(text: string): number {
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent;
    const progress = { text, start: 0, total: 0 };
    this.#advance(progress);
    this.#recent.set(text, progress.total);
    return progress.total;
  }

  override async countInTurns(texts: string | readonly string[]): Promise<number> {
    // A list is of what is written, a message or memories, and counted just then: not to be known again.
    const isList = typeof texts !== 'string';
    let total = 0;
    for (const text of isList ? texts : [texts]) {
      let count = this.#recent.get(text);
      if (count === undefined) {
        const progress = { text, start: 0, total: 0 };
        while (!this.#advance(progress, this.#turns)) await this.#turns.next();
        count = progress.total;
        if (!isList) this.#recent.set(text, count);
      }
      total += count;
    }
    return total;
  }

  /** Counts on to the end of the text, or of a turn. @returns whether the text has come to its end */
  #advance(progress: Progress, turns?: LoopTurns): boolean {
    const { text } = progress;
    while (progress.start < text.length) {
      if (turns?.isOver) return false;
      const end = pieceEnd(text, progress.start);
      progress.total += this.#encode(text.slice(progress.start, end)).length;
      progress.start = end;
    }
    return true;
  }

  /** A long run is the same piece over and over: 10 MB of one letter take 0.1 s so, and 5 s otherwise. */
  #encode(piece: string): Uint32Array {
    if (piece !== this.#last.piece) this.#last = { piece, tokens: this.#encoder.encode_ordinary(piece) };
    return this.#last.tokens;
  }

  truncate(text: string, maxTokens: number, keep: Keep): string {
    if (!(maxTokens >= 1)) return '';
    let kept = this.#cut(text, maxTokens, keep);
    // Cut text can be encoded in more tokens than it had within the whole: take off a little more then.
    for (let excess = 1; kept !== text && this.count(kept) > maxTokens; excess *= 2)
      kept = this.#cut(kept, maxTokens - excess, keep);
    return kept;
  }

  /** The part of `text` that its first or last `room` tokens spell, `text` itself when it has no more. */
  #cut(text: string, room: number, keep: Keep): string {
    if (room < 1) return '';
    return keep === 'start' ? this.#cutAfter(text, room) : this.#cutBefore(text, room);
  }

  #cutAfter(text: string, room: number): string {
    for (let start = 0, end: number; start < text.length; start = end) {
      end = pieceEnd(text, start);
      const tokens = this.#encode(text.slice(start, end));
      if (tokens.length > room) {
        const at = start + wholeUnits(this.#encoder.decode(tokens.subarray(0, room)));
        return text.slice(0, characterBound(text, at, 'start'));
      }
      room -= tokens.length;
    }
    return text;
  }

  #cutBefore(text: string, room: number): string {
    const starts: number[] = [];
    for (let start = 0; start < text.length; start = pieceEnd(text, start)) starts.push(start);
    let end = text.length;
    for (const start of starts.reverse()) {
      const tokens = this.#encode(text.slice(start, end));
      if (tokens.length > room) {
        const at = end - wholeUnits(this.#encoder.decode(tokens.subarray(tokens.length - room)));
        return text.slice(characterBound(text, at, 'end'));
      }
      room -= tokens.length;
      end = start;
    }
    return text;
  }
}

/**
 * UTF-16 units of the code points that stand whole in a stretch of UTF-8: half a code point at either end is
 * left out. Lengths, not text: the encoder sees a lone surrogate as U+FFFD, which is as long.
 */
function wholeUnits(bytes: Uint8Array): number {
  let units = 0;
  let at = 0;
  while (((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  while (at < bytes.length) {
    const lead = bytes[at] ?? 0;
    at += lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (at <= bytes.length) units += lead < 0xf0 ? 1 : 2;
  }
  return units;
}
