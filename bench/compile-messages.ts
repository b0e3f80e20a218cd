import type { Message } from '../src/session/message.js';
import { message } from './conversation.js';

/** Characters of a message, on average; of a call of a tool they are those of its arguments. */
const LENGTH = 450;
/** A turn is a question and its answer; in every fourth a tool is called in between. */
const TURNS_A_CALL = 4;

/** Stands before every prompt. */
export const SYSTEM_PROMPT = `You are the assistant of a travel agency. ${textOf(900_001, 1_500)}`;

/**
 * The nth turn of a conversation: the same for the same number. Lengths scatter evenly from a third of the average to
 * five thirds of it.
 */
export function turnOf(n: number): Message[] {
  const [question, answer, found] = [0, 1, 2].map((place) => textOf(3 * n + place)) as [
    string,
    string,
    string,
  ];
  const asked: Message = { role: 'user', content: question };
  const answered: Message = { role: 'assistant', content: answer };
  if (n % TURNS_A_CALL !== TURNS_A_CALL - 1) return [asked, answered];
  const id = `call_${n}`;
  const called = {
    name: 'find_connections',
    arguments: JSON.stringify({ query: question.slice(0, 80), limit: 5 }),
  };
  return [
    asked,
    { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: called }] },
    { role: 'tool', tool_call_id: id, content: JSON.stringify({ found: found.slice(0, 400) }) },
    answered,
  ];
}

/** The newest messages of a conversation that is hardly longer: what is left out of it calls no tool. */
export function threadOf(length: number): Message[] {
  const messages: Message[] = [];
  for (let n = 0; messages.length < length; n += 1) messages.push(...turnOf(n));
  return messages.slice(-length);
}

function textOf(n: number, length = Math.round((LENGTH * (1 + 2 * spread(n))) / 3 + LENGTH / 3)): string {
  let text = '';
  for (let part = 0; text.length < length; part += 1) text += message(1_000 * n + part).content;
  return text.slice(0, length);
}

/** From 0 to below 1: multiples of the golden ratio spread evenly, however many there are. */
function spread(n: number): number {
  return (n * 0.618_033_988_749_895) % 1;
}
