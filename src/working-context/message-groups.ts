import { type Message } from '../session/message.js';

/** Messages that stay or go together: a call of tools with all its results, or one message alone. */
export interface MessageGroup<E extends { readonly message: Message }> {
  entries: E[];
  /** Only a sound group may be sent: a model refuses a result without its call and a call without a result. */
  standing: 'sound' | 'orphan_tool_result' | 'unanswered_tool_call';
}

/**
 * Groups a conversation, oldest first. A result belongs to the call that it names when no message but
 * results stands between the two; calls may be several at once, and ids may come again in later turns.
 * The older form (`function_call`, answered by a `function` message of that name) is grouped alike.
 */
export function groupMessages<E extends { readonly message: Message }>(
  entries: readonly E[],
): MessageGroup<E>[] {
  const groups: MessageGroup<E>[] = [];
  let calls = new Set<string>();
  /** An id for each call: one that stands twice needs two results. */
  let unanswered: string[] = [];
  let calling: MessageGroup<E> | undefined;
  for (const entry of entries) {
    const answered = answeredCall(entry.message);
    if (answered !== undefined && calling && calls.has(answered)) {
      calling.entries.push(entry);
      const place = unanswered.indexOf(answered);
      if (place >= 0) unanswered.splice(place, 1);
      if (unanswered.length === 0) calling.standing = 'sound';
    } else if (answered !== undefined) {
      groups.push({ entries: [entry], standing: 'orphan_tool_result' });
    } else {
      unanswered = callsOf(entry.message);
      calls = new Set(unanswered);
      const group: MessageGroup<E> = {
        entries: [entry],
        standing: calls.size > 0 ? 'unanswered_tool_call' : 'sound',
      };
      calling = calls.size > 0 ? group : undefined;
      groups.push(group);
    }
  }
  return groups;
}

function answeredCall(message: Message): string | undefined {
  if (message.role === 'tool') return `tool ${message.tool_call_id ?? ''}`;
  return message.role === 'function' ? `function ${message.name ?? ''}` : undefined;
}

/** Only an assistant calls: in another message these fields are what somebody happened to write. */
function callsOf(message: Message): string[] {
  if (message.role !== 'assistant') return [];
  const tools = Array.isArray(message.tool_calls) ? message.tool_calls.map(({ id }) => `tool ${id}`) : [];
  const { function_call: call } = message;
  const named = typeof call === 'object' && call !== null && 'name' in call && typeof call.name === 'string';
  return named ? [...tools, `function ${String(call.name)}`] : tools;
}
