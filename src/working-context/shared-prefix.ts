import { hash as digest } from 'node:crypto';
import { canonicalMessage } from './content-hash.js';
import { assemblePrompt } from './prompt.js';
import { type SharedPrefix } from './receipt.js';
import { type PromptParts, type TokenUsage } from './working-context.js';

/** One message of an assembled prompt, as far as comparing two prompts needs to know it. */
export interface Fingerprint {
  /** The first 8 bytes of the SHA-256 of the message's canonical JSON, in hex. */
  readonly hash: string;
  readonly tokens: number;
}

/** A prompt's messages in the order in which `assemblePrompt` sends them. */
export type Fingerprints = readonly Fingerprint[];

/** Tokens of each part of a prompt, as the compiler has counted them; a part that is empty has no message. */
export interface PromptTokens extends Pick<TokenUsage, 'system' | 'memory' | 'task'> {
  /** Of each message of the history, in its order. */
  messages: readonly number[];
}

const HASH_BYTES = 8;
/** The hash, and the tokens as an unsigned 32-bit number, most significant byte first. */
const BYTES = HASH_BYTES + 4;

/** Takes the counts as they are given: nothing is counted anew. `tokens.task` includes the priming of the reply. */
export function fingerprintsOf(parts: PromptParts, tokens: PromptTokens): Fingerprint[] {
  const counts = [
    ...(parts.systemPrompt === '' ? [] : [tokens.system]),
    ...tokens.messages,
    ...(parts.context === '' ? [] : [tokens.memory]),
    tokens.task,
  ];
  return assemblePrompt(parts).map((message, index) => ({
    // In one call: a hash object for each message takes twice as long.
    hash: digest('sha256', canonicalMessage(message), 'hex').slice(0, 2 * HASH_BYTES),
    tokens: counts[index] ?? 0,
  }));
}

/**
 * How much of `current` a provider that has just read `previous` could serve from its prompt cache. Whole messages
 * only, so it is never more than that: a provider may also find the beginning of the first message that differs.
 */
export function sharedPrefix(previous: Fingerprints, current: Fingerprints): SharedPrefix {
  const differs = current.findIndex(({ hash }, index) => hash !== previous[index]?.hash);
  const messages = differs < 0 ? current.length : differs;
  const tokens = tokensOf(current.slice(0, messages));
  const total = tokensOf(current);
  return { messages, tokens, share: total > 0 ? tokens / total : 0 };
}

/** 12 bytes a message. */
export function encodeFingerprints(fingerprints: Fingerprints): Buffer {
  const binary = Buffer.alloc(BYTES * fingerprints.length);
  fingerprints.forEach(({ hash, tokens }, index) => {
    binary.write(hash, BYTES * index, HASH_BYTES, 'hex');
    binary.writeUInt32BE(tokens, BYTES * index + HASH_BYTES);
  });
  return binary;
}

/** What `encodeFingerprints` made; bytes behind the last whole message are ignored. */
export function decodeFingerprints(binary: Buffer): Fingerprint[] {
  return Array.from({ length: Math.floor(binary.length / BYTES) }, (_, index) => ({
    hash: binary.toString('hex', BYTES * index, BYTES * index + HASH_BYTES),
    tokens: binary.readUInt32BE(BYTES * index + HASH_BYTES),
  }));
}

function tokensOf(fingerprints: Fingerprints): number {
  return fingerprints.reduce((total, { tokens }) => total + tokens, 0);
}
