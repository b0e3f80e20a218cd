import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { countMessage, REPLY_PRIMING } from '../tokens/message-tokens.js';
import { TiktokenCounter } from '../tokens/tiktoken-counter.js';
import { type Message } from '../session/message.js';
import { assemblePrompt } from './prompt.js';
import {
  decodeFingerprints,
  encodeFingerprints,
  type Fingerprint,
  fingerprintsOf,
  sharedPrefix,
} from './shared-prefix.js';
import { type PromptParts } from './working-context.js';

const counter = new TiktokenCounter();

function parts(change: Partial<PromptParts> = {}): PromptParts {
  return { systemPrompt: '', messages: [], context: '', task: { description: 'go' }, ...change };
}
const say = (content: string): Message => ({ role: 'user', content });
/** Fingerprints with 10 tokens a message. */
function prints(change: Partial<PromptParts> = {}): Fingerprint[] {
  const whole = parts(change);
  return fingerprintsOf(whole, {
    system: 10,
    messages: whole.messages.map(() => 10),
    memory: 10,
    task: 10,
  });
}

describe('fingerprintsOf', () => {
  it('has one for each message of the assembled prompt, whatever parts there are', () => {
    const text = fc.constantFrom('', 'one', 'two words');
    fc.assert(
      fc.property(text, fc.array(fc.string()), text, (systemPrompt, contents, context) => {
        const whole = parts({ systemPrompt, messages: contents.map(say), context });
        const prompt = assemblePrompt(whole);
        const counts = prompt.map((message) => countMessage(counter, message));
        const found = fingerprintsOf(whole, {
          system: systemPrompt === '' ? 0 : (counts[0] ?? 0),
          messages: whole.messages.map((message) => countMessage(counter, message)),
          memory: context === '' ? 0 : (counts.at(-2) ?? 0),
          task: (counts.at(-1) ?? 0) + REPLY_PRIMING,
        });
        const expected = counts.with(-1, (counts.at(-1) ?? 0) + REPLY_PRIMING);
        expect(found.map(({ tokens }) => tokens)).toEqual(expected);
      }),
    );
  });

  it('is the beginning of a SHA-256 of canonical JSON: the order of keys does not matter, content does', () => {
    const [first] = prints({ messages: [{ role: 'user', content: 'a' }] });
    const [turned] = prints({ messages: [{ content: 'a', role: 'user' }] });
    const [other] = prints({ messages: [{ role: 'user', content: 'b' }] });
    const whole = createHash('sha256').update('{"content":"a","role":"user"}').digest('hex');
    expect(first).toEqual({ hash: whole.slice(0, 16), tokens: 10 });
    expect(turned).toEqual(first);
    expect(other?.hash).not.toBe(first?.hash);
  });
});

describe('sharedPrefix', () => {
  it('counts whole leading messages, and their part of the later prompt', () => {
    const before = prints({ systemPrompt: 's', messages: [say('a'), say('b')] });
    const after = prints({ systemPrompt: 's', messages: [say('a'), say('b'), say('c')] });
    expect(sharedPrefix(before, after)).toEqual({ messages: 3, tokens: 30, share: 0.6 });
    expect(sharedPrefix(after, after)).toEqual({ messages: 5, tokens: 50, share: 1 });
  });

  it('ends at the first message that differs, though later ones are the same', () => {
    const before = prints({ systemPrompt: 's', messages: [say('a'), say('b')] });
    const changed = prints({ systemPrompt: 's', messages: [say('a!'), say('b')] });
    const cut = prints({ systemPrompt: 's', messages: [say('b')] });
    expect(sharedPrefix(before, changed)).toEqual({ messages: 1, tokens: 10, share: 0.25 });
    expect(sharedPrefix(before, cut)).toEqual({ messages: 1, tokens: 10, share: 1 / 3 });
    expect(sharedPrefix(before, prints({ messages: [say('a')] })).messages).toBe(0);
    expect(sharedPrefix([], before)).toEqual({ messages: 0, tokens: 0, share: 0 });
    expect(sharedPrefix(before, [])).toEqual({ messages: 0, tokens: 0, share: 0 });
  });

  it('is of the later prompt where that is the shorter one', () => {
    const before = prints({ systemPrompt: 's', messages: [say('a')] });
    expect(sharedPrefix(before, before.slice(0, 2))).toEqual({ messages: 2, tokens: 20, share: 1 });
  });
});

describe('the stored form', () => {
  it('takes 12 bytes a message and gives back what it was made of', () => {
    const hash = fc
      .uint8Array({ minLength: 8, maxLength: 8 })
      .map((bytes) => Buffer.from(bytes).toString('hex'));
    const tokens = fc.nat({ max: 0xffffffff });
    fc.assert(
      fc.property(fc.array(fc.record({ hash, tokens })), (fingerprints) => {
        const binary = encodeFingerprints(fingerprints);
        expect(binary).toHaveLength(12 * fingerprints.length);
        expect(decodeFingerprints(binary)).toEqual(fingerprints);
      }),
    );
  });

  it('is read as far as it goes', () => {
    const binary = encodeFingerprints(prints({ messages: [say('a')] }));
    expect(decodeFingerprints(binary.subarray(0, 20))).toEqual(prints({ messages: [say('a')] }).slice(0, 1));
  });
});
