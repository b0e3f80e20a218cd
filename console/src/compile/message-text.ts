import { type PromptMessage } from './working-context.js';

/** What a message says, for a person to read: its texts, and its tool calls and other parts as JSON. */
export function textOfMessage({ content, tool_calls: calls }: PromptMessage): string {
  const parts = Array.isArray(content)
    ? content.map(textOfPart)
    : typeof content === 'string'
      ? [content]
      : [];
  if (Array.isArray(calls)) parts.push(...calls.map(textOfCall));
  return parts.join('\n');
}

function textOfPart(part: unknown): string {
  const { type, text } = (part ?? {}) as Record<string, unknown>;
  return type === 'text' && typeof text === 'string' ? text : JSON.stringify(part);
}

function textOfCall(call: unknown): string {
  const { function: target } = (call ?? {}) as { function?: { name?: unknown; arguments?: unknown } };
  if (typeof target?.name !== 'string') return JSON.stringify(call);
  return `${target.name}(${typeof target.arguments === 'string' ? target.arguments : ''})`;
}
