import { hash } from 'node:crypto';
import { type Message } from '../session/message.js';
import { type PromptParts } from './working-context.js';

/** The fingerprint of a working context: equal for equal content, whatever the order of its keys. */
export function contentHash({ systemPrompt, messages, context, task }: PromptParts): string {
  const history = messages.map(canonicalMessage).join(',');
  const rest = `"systemPrompt":${canonicalJson(systemPrompt)},"task":${canonicalJson(task)}`;
  return hash('sha256', `{"context":${canonicalJson(context)},"messages":[${history}],${rest}}`, 'hex');
}

/** Of messages that are compared as well as hashed. */
const known = new WeakMap<Message, string>();

/** The canonical JSON of a message that nobody changes any more; made once. */
export function canonicalMessage(message: Message): string {
  let json = known.get(message);
  if (json === undefined) known.set(message, (json = canonicalJson(message)));
  return json;
}

/** JSON without white space and with the keys of every object sorted by UTF-16 unit, as in RFC 8785. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item ?? null)).join(',')}]`;
  let members = '';
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) members += `${members && ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}
