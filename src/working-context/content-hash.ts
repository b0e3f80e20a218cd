import { createHash } from 'node:crypto';
import { type PromptParts } from './working-context.js';

/** The fingerprint of a working context: equal for equal content, whatever the order of its keys. */
export function contentHash({ systemPrompt, messages, context, task }: PromptParts): string {
  return createHash('sha256').update(canonicalJson({ systemPrompt, messages, context, task })).digest('hex');
}

/** JSON without white space and with the keys of every object sorted by UTF-16 unit, as in RFC 8785. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item ?? null)).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
