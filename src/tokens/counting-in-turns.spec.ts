import { afterEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { Tiktoken } from 'tiktoken';
import { LoopTurns } from './loop-turns.js';
import { countMessage, countMessageInTurns } from './message-tokens.js';
import { pieceEnd } from './pieces.js';
import { ENCODINGS, TiktokenCounter } from './tiktoken-counter.js';
import { type Keep, TokenCounter } from './token-counter.js';

const counter = new TiktokenCounter();
/** A generator of numbers that is the same each time. */
function dice(): (sides: number) => number {
  let state = 1;
  return (sides) => (state = (state * 48_271) % 2_147_483_647) % sides;
}
function filled(length: number, part: () => string): string {
  const parts: string[] = [];
  for (let size = 0; size < length;) size += parts[parts.push(part()) - 1]?.length ?? 0;
  return parts.join('').slice(0, length);
}
const roll = dice();
const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Texts of so many bytes. */
const kinds: Record<string, (bytes: number) => string> = {
  base64: (bytes) => filled(bytes, () => base64[roll(64)] as string),
  ideographs: (bytes) => filled(bytes / 3, () => String.fromCharCode(0x4e00 + roll(20_000))),
  emoji: (bytes) => filled(bytes / 2, () => String.fromCodePoint(0x1f300 + roll(600))),
  spaces: (bytes) => ' '.repeat(bytes),
  'one letter': (bytes) => 'a'.repeat(bytes),
};

afterEach(() => {
  jest.restoreAllMocks();
});

describe('TokenCounter.countInTurns', () => {
  it.each(ENCODINGS)('is the count of all texts together in %s', async (encoding) => {
    const [counter, other] = [new TiktokenCounter(encoding), new TiktokenCounter(encoding)];
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .tuple(fc.constantFrom(...Object.keys(kinds)), fc.integer({ min: 1, max: 9_000 }))
        .map(([kind, length]) => kinds[kind]?.(length) as string),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 4 }), async (texts) => {
        const counts = texts.map((text) => other.count(text));
        expect(await Promise.all(texts.map((text) => counter.countInTurns(text)))).toEqual(counts);
        expect(await counter.countInTurns(texts)).toBe(counts.reduce((sum, count) => sum + count, 0));
      }),
      { numRuns: 40 },
    );
  });

  it.each(Object.entries(kinds))('lets the event loop run while it counts 2 MB of %s', async (_, make) => {
    const text = make(2_000_000);
    let pieces = 0;
    for (let start = 0; start < text.length; start = pieceEnd(text, start)) pieces += 1;
    // By this clock each piece takes 1 ms, so that what is expected does not depend on the machine.
    let now = 0;
    const counter = new TiktokenCounter('cl100k_base', new LoopTurns(() => (now += 1)));
    let turns = 0;
    let isDone = false;
    const watch = (): void => {
      turns += 1;
      if (!isDone) setImmediate(watch);
    };
    setImmediate(watch);
    expect(await counter.countInTurns(text)).toBeGreaterThan(text.length / 200);
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(Math.floor(pieces / 8) - 1);
  });

  it('counts a short text at once', async () => {
    const counting = counter.countInTurns('Hello!');
    let isLate = false;
    setImmediate(() => (isLate = true));
    expect(await counting).toBe(counter.count('Hello!'));
    expect(isLate).toBe(false);
  });

  it('is a count in one go, unless a counter does better', async () => {
    class Words extends TokenCounter {
      readonly encoding = 'words';
      count(text: string): number {
        return text.split(' ').length;
      }
      truncate(text: string, _maxTokens: number, _keep: Keep): string {
        return text;
      }
    }
    expect(await new Words().countInTurns('one two')).toBe(2);
    expect(await new Words().countInTurns(['one two', 'three'])).toBe(3);
  });
});

describe('a text that was counted just now', () => {
  const long = (name: string): string => `${name} says that the quick brown fox jumps. `.repeat(400);

  it('is not encoded again', async () => {
    const encode = jest.spyOn(Tiktoken.prototype, 'encode_ordinary');
    const counter = new TiktokenCounter();
    const tokens = await counter.countInTurns(long('one'));
    const other = counter.count(long('another'));
    const calls = encode.mock.calls.length;
    expect(calls).toBeGreaterThan(0);
    expect(counter.count(long('one'))).toBe(tokens);
    expect(await counter.countInTurns(long('another'))).toBe(other);
    expect(encode.mock.calls).toHaveLength(calls);
  });

  it('is not kept when it is of a list, as what is written is', async () => {
    const counter = new TiktokenCounter();
    await counter.countInTurns([long('one')]);
    const encode = jest.spyOn(Tiktoken.prototype, 'encode_ordinary');
    counter.count(long('one'));
    expect(encode).toHaveBeenCalled();
  });
});

describe('countMessageInTurns', () => {
  const message = {
    role: 'assistant',
    name: 'clerk',
    content: [
      { type: 'text', text: 'See here.', cache_control: { type: 'ephemeral' } },
      { type: 'image_url' },
    ],
    tool_calls: [{ id: 'call-1', type: 'function', function: { name: 'find', arguments: '{}' } }],
    refusal: null,
  };

  it('is the count of the message', async () => {
    expect(await countMessageInTurns(counter, message)).toBe(countMessage(counter, message));
  });

  it('is that of the message as it was, whatever becomes of it meanwhile', async () => {
    const turns = new LoopTurns();
    const counter = new TiktokenCounter('cl100k_base', turns);
    const mine = { role: 'user', content: [{ type: 'text', text: 'word '.repeat(100_000) }] };
    const tokens = countMessage(counter, mine);
    const counting = countMessageInTurns(new TiktokenCounter('cl100k_base', turns), mine);
    mine.content = [];
    expect(await counting).toBe(tokens);
  });
});
