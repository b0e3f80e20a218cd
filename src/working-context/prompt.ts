import { countMessage, REPLY_PRIMING } from '../tokens/message-tokens.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { type Message } from '../session/message.js';
import { type PromptParts, type Task } from './working-context.js';

/**
 * The prompt that the parts stand for, ready for a chat-completions request: one system message, the
 * history, one user message with the memories, one user message with the task. A part that is empty has no
 * message; the task always has one. `tokenUsage.total` is `countMessage` of each of these plus `REPLY_PRIMING`.
 */
export function assemblePrompt({ systemPrompt, messages, context, task }: PromptParts): Message[] {
  return [
    ...(systemPrompt === '' ? [] : [systemMessage(systemPrompt)]),
    ...messages,
    ...(context === '' ? [] : [contextMessage(context)]),
    taskMessage(task),
  ];
}

export function systemMessage(systemPrompt: string): Message {
  return { role: 'system', content: systemPrompt };
}

export function contextMessage(context: string): Message {
  return { role: 'user', content: context };
}

/** The description, and the task's other fields below it as one line of JSON. */
export function taskMessage({ description, ...fields }: Task): Message {
  const others = Object.keys(fields).length > 0 ? `\n\n${JSON.stringify(fields)}` : '';
  return { role: 'user', content: description + others };
}

/** Tokens of the task's section: its message, and the priming of the reply that follows it. */
export function countTask(counter: TokenCounter, task: Task): number {
  return countMessage(counter, taskMessage(task)) + REPLY_PRIMING;
}
