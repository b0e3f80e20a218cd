import { type Message } from '../session/message.js';

/** Messages that stay or go together: a call of tools with all its results, or one message alone. */
export interface MessageGroup<E extends { readonly message: Message }> {
  entries: E[];
  /** Only a sound group may be sent: a model refuses a result without its call and a call without a result. */
  standing: 'sound' | 'orphan_tool_result' | 'unanswered_tool_call';
}

/**
 * Groups a conversation, oldest first by the first message of each. A result belongs to the call that it names: to the
 * newest one when no message but results stands between the two, else to the newest that still waits for it, as when a user
 * writes while a tool works, or two agents share a thread. Calls may be several at once, and ids may come again in
 * later turns. The older form (`function_call`, answered by a `function` message of that name) is grouped alike.
 */
export function groupMessages<E extends { readonly message: Message }>(
  entries: readonly E[],
): MessageGroup<E>[] {
  const groups: MessageGroup<E>[] = [];
  const waiting = new Map<string, Calling<E>>();
  let newest: Calling<E> | undefined;
  for (const entry of entries) {
    const answered = answeredCall(entry.message);
    if (answered === undefined) {
      const ids = callsOf(entry.message);
      const group: MessageGroup<E> = {
        entries: [entry],
        standing: ids.length > 0 ? 'unanswered_tool_call' : 'sound',
      };
      groups.push(group);
      newest = ids.length > 0 ? { group, ids: new Set(ids), unanswered: ids } : undefined;
      if (newest) for (const id of ids) waiting.set(id, newest);
      continue;
    }
    const calling = newest?.ids.has(answered) ? newest : waiting.get(answered);
    if (!calling) {
      groups.push({ entries: [entry], standing: 'orphan_tool_result' });
      continue;
    }
    calling.group.entries.push(entry);
    const place = calling.unanswered.indexOf(answered);
    if (place >= 0) calling.unanswered.splice(place, 1);
    if (!calling.unanswered.includes(answered) && waiting.get(answered) === calling) waiting.delete(answered);
    if (calling.unanswered.length === 0) calling.group.standing = 'sound';
  }
  return groups;
}

interface Calling<E extends { readonly message: Message }> {
  readonly group: MessageGroup<E>;
  readonly ids: ReadonlySet<string>;
  /** An id for each call: one that stands twice needs two results. */
  readonly unanswered: string[];
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
