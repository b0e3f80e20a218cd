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
  return textsOf(message).reduce((total, text) => total + counter.count(text), overheadOf(message));
}

/**
 * The same count, with the event loop running in between (`TokenCounter.countInTurns`). The message is read before
 * the first wait, so that whoever handed it over may go on to change it.
 */
export async function countMessageInTurns(counter: TokenCounter, message: CountableMessage): Promise<number> {
  return overheadOf(message) + (await counter.countInTurns(textsOf(message)));
}

function overheadOf({ name }: CountableMessage): number {
  return MESSAGE_OVERHEAD + (name === undefined ? 0 : NAME_OVERHEAD);
}

/** The texts of which a message is made; its count is the sum of theirs. */
function textsOf(message: CountableMessage): string[] {
  return Object.entries(message).flatMap(([field, value]) => textsOfField(field, value));
}

function textsOfField(field: string, value: unknown): string[] {
  if (value === undefined) return [];
  switch (field) {
    case 'content':
      return textsOfContent(value);
    case 'name':
    case 'role':
    case 'tool_call_id':
    case 'tool_calls':
      return [asText(value)];
    default:
      return [asText({ [field]: value })];
  }
}

function textsOfContent(content: unknown): string[] {
  if (content === null) return [];
  return Array.isArray(content) ? content.flatMap(textsOfPart) : [asText(content)];
}

function textsOfPart(part: unknown): string[] {
  if (!isTextPart(part)) return [asText(part)];
  const others = Object.entries(part).filter(([field]) => field !== 'type' && field !== 'text');
  return others.length > 0 ? [part.text, asText(Object.fromEntries(others))] : [part.text];
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

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
