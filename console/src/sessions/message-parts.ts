import type { StoredMessage } from 'triptych-client';

/** One piece of a message, as it is shown: text, or something else under a name. */
export type Shown = { readonly text: string } | { readonly name: string; readonly body: string };

/** A call that the assistant asked for. */
export interface ShownCall {
  readonly id: string;
  readonly name: string;
  /** JSON, in lines where it can be read. */
  readonly input: string;
}

const KNOWN = new Set([
  ...['id', 'seq', 'tokens', 'createdAt', 'role', 'content', 'name'],
  ...['tool_calls', 'tool_call_id'],
]);

/** The content as texts and named parts; of a part nothing is loaded, its address is shown. */
export function partsOf({ content }: StoredMessage): readonly Shown[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content }];
  if (!Array.isArray(content)) return [];
  return content.map((part: Readonly<Record<string, unknown>>) => {
    if (typeof part['text'] === 'string') return { text: part['text'] };
    const { type, ...rest } = part;
    const image = (part['image_url'] as { url?: unknown } | undefined)?.url;
    if (typeof image === 'string') return { name: 'image', body: shortened(image) };
    return { name: typeof type === 'string' ? type : 'part', body: shortened(JSON.stringify(rest, null, 2)) };
  });
}

export function callsOf({ tool_calls: calls }: StoredMessage): readonly ShownCall[] {
  return (calls ?? []).map((call) => {
    const {
      id,
      function: called,
      ...rest
    } = call as Readonly<Record<string, unknown>> & {
      readonly id: string;
      readonly function?: { readonly name?: string; readonly arguments?: string };
    };
    return {
      id,
      name: called?.name ?? (typeof rest['type'] === 'string' ? rest['type'] : 'call'),
      input: called ? readable(called.arguments ?? '') : JSON.stringify(rest, null, 2),
    };
  });
}

/** What else the message carries, as JSON; undefined when that is nothing. */
export function restOf(message: StoredMessage): string | undefined {
  const rest = Object.entries(message).filter(([name]) => !KNOWN.has(name));
  return rest.length > 0 ? JSON.stringify(Object.fromEntries(rest), null, 2) : undefined;
}

/** JSON in lines; any other text as it is. */
export function readable(text: string): string {
  try {
    JSON.parse(text);
    return inLines(text);
  } catch {
    return text;
  }
}

/** A text, a bracket, a comma, a colon, or a number or word. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const BEGINS: readonly string[] = ['{', '['];
const ENDS: readonly string[] = ['}', ']'];

/** JSON that is in order, as `JSON.stringify` would write it but for its numbers: an id of 19 digits stays as it is. */
function inLines(json: string): string {
  let lines = '';
  let depth = 0;
  let before = '';
  const line = (): string => `\n${'  '.repeat(depth)}`;
  for (const [token] of json.matchAll(TOKEN)) {
    const [isEnd, isBegun] = [ENDS.includes(token), BEGINS.includes(before)];
    if (isEnd) depth--;
    if (isEnd ? !isBegun : isBegun || before === ',') lines += line();
    lines += token === ':' ? ': ' : token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token;
    if (BEGINS.includes(token)) depth++;
    before = token;
  }
  return lines;
}

const LONGEST = 2_000;

/** An image in the message itself has megabytes of base64. */
function shortened(text: string): string {
  return text.length > LONGEST
    ? `${text.slice(0, LONGEST)} … (${text.length.toLocaleString('en')} characters)`
    : text;
}
