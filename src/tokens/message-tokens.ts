import { type TokenCounter } from './token-counter.js';

/**
 * A message of the OpenAI chat-completions API, as far as counting needs to know it. Any other field is
 * counted as its JSON.
 */
export interface CountableMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly name?: string;
  readonly [field: string]: unknown;
}

/** Tokens that part one message from the next. */
export const MESSAGE_OVERHEAD = 3;
/** Tokens that mark a name as such. */
export const NAME_OVERHEAD = 1;
/** Tokens after the last message that prime the reply: once for the assembled prompt. */
export const REPLY_PRIMING = 3;

/**
 * Tokens of one message in a prompt, by the formula of the OpenAI Cookbook, "How to count tokens with
 * tiktoken" (`num_tokens_from_messages`, the figures from gpt-3.5-turbo-0613 on): 3 a message, its texts, and
 * 1 for a name. The Cookbook leaves the rest open; here nothing that is sent goes uncounted: tool calls, parts
 * that are not text (an image with its whole data URL) and unknown fields count as their JSON text, which is
 * more rather than less than what a provider charges.
 */
export function countMessage(counter: TokenCounter, message: CountableMessage): number {
  let total = MESSAGE_OVERHEAD;
  for (const [field, value] of Object.entries(message)) total += countField(counter, field, value);
  return total;
}

function countField(counter: TokenCounter, field: string, value: unknown): number {
  if (value === undefined) return 0;
  switch (field) {
    case 'content':
      return countContent(counter, value);
    case 'name':
      return NAME_OVERHEAD + countValue(counter, value);
    case 'role':
    case 'tool_call_id':
    case 'tool_calls':
      return countValue(counter, value);
    default:
      return countValue(counter, { [field]: value });
  }
}

function countContent(counter: TokenCounter, content: unknown): number {
  if (content === null) return 0;
  if (!Array.isArray(content)) return countValue(counter, content);
  return content.reduce<number>((total, part) => total + countPart(counter, part), 0);
}

function countPart(counter: TokenCounter, part: unknown): number {
  if (!isTextPart(part)) return countValue(counter, part);
  const others = Object.entries(part).filter(([field]) => field !== 'type' && field !== 'text');
  const rest = others.length > 0 ? countValue(counter, Object.fromEntries(others)) : 0;
  return counter.count(part.text) + rest;
}

function isTextPart(part: unknown): part is { type: 'text'; text: string } {
  return (
    typeof part === 'object' &&
    part !== null &&
    'type' in part &&
    part.type === 'text' &&
    'text' in part &&
    typeof part.text === 'string'
  );
}

function countValue(counter: TokenCounter, value: unknown): number {
  return counter.count(typeof value === 'string' ? value : JSON.stringify(value));
}
