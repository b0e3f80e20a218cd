import { textOfMessage } from './message-text.js';
import { type ItemTier, type WorkingContext } from './working-context.js';

/** One message of the prompt as it is sent. */
export interface SentMessage {
  tier: ItemTier;
  role: string;
  name: string | undefined;
  text: string;
  /** With its overhead; of the task with the priming of the reply. */
  tokens: number;
  /** Whether the turn before began with it as well. */
  isShared: boolean;
}

/**
 * The messages that were counted, in the order in which they are sent: system prompt, history, memories, task. A part that is
 * empty has none. Other formats say the same in messages of their own: see docs/formats.md.
 */
export function sentMessages(compiled: WorkingContext): SentMessage[] {
  const { systemPrompt, messages, context, task, tokenUsage, receipt } = compiled;
  const counts = receipt.items
    .filter(({ tier, decision }) => tier === 'session' && decision !== 'dropped')
    .map(({ tokens }) => tokens);
  const sent: Omit<SentMessage, 'isShared'>[] = [
    ...(systemPrompt === ''
      ? []
      : [
          {
            tier: 'system' as const,
            role: 'system',
            name: undefined,
            text: systemPrompt,
            tokens: tokenUsage.system,
          },
        ]),
    ...messages.map((message, index) => ({
      tier: 'session' as const,
      role: message.role,
      name: message.name ?? message.tool_call_id,
      text: textOfMessage(message),
      tokens: counts[index] ?? 0,
    })),
    ...(context === ''
      ? []
      : [
          {
            tier: 'memory' as const,
            role: 'user',
            name: undefined,
            text: context,
            tokens: tokenUsage.memory,
          },
        ]),
    { tier: 'task', role: 'user', name: undefined, text: taskText(task), tokens: tokenUsage.task },
  ];
  const shared = receipt.sharedPrefix?.messages ?? 0;
  return sent.map((message, index) => ({ ...message, isShared: index < shared }));
}

/** The description, and the other fields below it as one line of JSON. */
function taskText({ description, ...fields }: WorkingContext['task']): string {
  return Object.keys(fields).length > 0 ? `${description}\n\n${JSON.stringify(fields)}` : description;
}

/** What the copy button copies: the answer's `prompt`, ready to be spread into a request of the provider. */
export function promptJson({ prompt }: WorkingContext): string {
  return JSON.stringify(prompt, null, 2);
}
