// Over 200 lines: every form of an export, and what is said of those that are none.
import { checkMessages } from './chat-messages.js';
import { chatGptConversation, isChatGptConversation } from './chatgpt-export.js';
import {
  isObject,
  UnreadableExport,
  type ChatExport,
  type Conversation,
  type Refusal,
} from './conversation.js';
import { jsonFault, placeOf } from './json-fault.js';

/** Lines that say whether a text is one of lines. */
const LOOKED_AT = 20;
/** A whole number of more digits than a double is sure to hold, somewhere a value may stand. */
const LONG_NUMBER = /[:,[\s]-?\d{16,}\s*[,\]}]/;
const KNOWN =
  'Known are {"messages": […]}, a list of messages, one such conversation a line (JSONL), and ChatGPT’s conversations.json.';

/**
 * Finds the conversations in a text.
 * @param onProgress is told how much of the text is read, 0 to 1
 * @throws UnreadableExport when there are none to be found
 */
export function readExport(text: string, onProgress?: (part: number) => void): ChatExport {
  if (text.trim() === '') throw new UnreadableExport('There is nothing in it.');
  refuseOtherKinds(text);
  const whole = parsed(text);
  if (whole.value === undefined) {
    if (isLines(text)) return readLines(text, onProgress);
    throw notJson(text);
  }
  onProgress?.(1);
  return { ...readValue(whole.value), notes: notesOn(text) };
}

/** A text that is no JSON at all, but something that people choose by mistake. */
function refuseOtherKinds(text: string): void {
  if (text.startsWith('PK\u0003\u0004'))
    throw new UnreadableExport(
      'This is a ZIP archive. Unpack it, and choose the file conversations.json in it.',
    );
  if (/^\s*<(!doctype|html|head|body|div)/i.test(text))
    throw new UnreadableExport(
      'This is a web page (HTML), not JSON. Choose the file conversations.json of the export.',
    );
}

function parsed(text: string): { value?: unknown } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return {};
  }
}

function readValue(value: unknown): Omit<ChatExport, 'notes'> {
  if (isChatGptConversation(value)) return chatGpt([value]);
  if (isObject(value) && Array.isArray(value['messages']))
    return {
      format: 'openai',
      conversations: [conversationOf(value, 'conversation 1') as Conversation],
      refused: [],
    };
  if (!Array.isArray(value))
    throw new UnreadableExport(`This is ${kindOf(value)}, not an export of chats. ${KNOWN}`);
  if (value.length === 0) throw new UnreadableExport('This is an empty list: there is no message in it.');
  if (value.some(isChatGptConversation)) return chatGpt(value);
  if (value.some((each) => isObject(each) && Array.isArray(each['messages']))) return listed(value);
  if (value.some((each) => isObject(each) && 'role' in each))
    return {
      format: 'openai',
      conversations: [conversationOf(value, 'conversation 1') as Conversation],
      refused: [],
    };
  throw new UnreadableExport(
    `This is a list of which the first is ${kindOf(value[0])}, not a message. ${KNOWN}`,
  );
}

function chatGpt(list: readonly unknown[]): Omit<ChatExport, 'notes'> {
  const conversations: Conversation[] = [];
  const refused: Refusal[] = [];
  for (const [index, value] of list.entries()) {
    const at = `conversation ${index + 1}`;
    if (isChatGptConversation(value)) conversations.push(chatGptConversation(value, at));
    else refused.push({ at, why: `is ${kindOf(value)}, without a mapping of messages` });
  }
  return { format: 'chatgpt', conversations, refused };
}

function listed(list: readonly unknown[]): Omit<ChatExport, 'notes'> {
  const conversations: Conversation[] = [];
  const refused: Refusal[] = [];
  for (const [index, value] of list.entries()) {
    const at = `conversation ${index + 1}`;
    const conversation = conversationOf(value, at);
    if (conversation) conversations.push(conversation);
    else refused.push({ at, why: `is ${kindOf(value)}, without messages` });
  }
  return { format: 'openai', conversations, refused };
}

/** Whether one of the first lines is a conversation by itself, and is not alone: a faulty line is no reason to read none. */
function isLines(text: string): boolean {
  let looked = 0;
  let isOne = false;
  for (const { line } of linesOf(text)) {
    const { value } = parsed(line);
    isOne ||= isChatGptConversation(value) || conversationOf(value, '') !== undefined;
    if (isOne && looked > 0) return true;
    if (++looked > LOOKED_AT) return false;
  }
  return false;
}

function readLines(text: string, onProgress?: (part: number) => void): ChatExport {
  const conversations: Conversation[] = [];
  const refused: Refusal[] = [];
  let told = 0;
  for (const { line, number, end } of linesOf(text)) {
    const at = `line ${number}`;
    const { value } = parsed(line);
    if (value === undefined) {
      const fault = jsonFault(line);
      refused.push({
        at,
        why: `is no JSON: column ${fault?.column ?? 1}, ${fault?.message ?? 'unreadable'}`,
      });
    } else {
      const conversation = isChatGptConversation(value)
        ? chatGptConversation(value, at)
        : conversationOf(value, at);
      if (conversation) conversations.push(conversation);
      else refused.push({ at, why: `is ${kindOf(value)}, without messages` });
    }
    if (end - told > 1_000_000) onProgress?.((told = end) / text.length);
  }
  if (conversations.length === 0)
    throw new UnreadableExport(
      `No line of it is a conversation: ${refused[0]?.at} ${refused[0]?.why}. ${KNOWN}`,
    );
  onProgress?.(1);
  return { format: 'jsonl', conversations, refused, notes: notesOn(text) };
}

function* linesOf(text: string): Generator<{ line: string; number: number; end: number }> {
  let start = 0;
  for (let number = 1; start <= text.length; number++) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    const line = text.slice(start, end);
    if (line.trim() !== '') yield { line, number, end };
    start = end + 1;
  }
}

/** A conversation in OpenAI's form: an object with messages, or a list of them; undefined where it is neither. */
function conversationOf(value: unknown, at: string): Conversation | undefined {
  const list = isObject(value) ? value['messages'] : value;
  if (!Array.isArray(list)) return undefined;
  const { title, threadId, thread_id: otherId, id } = isObject(value) ? value : {};
  const text = (each: unknown): string | undefined =>
    typeof each === 'string' && each.trim() !== '' ? each : undefined;
  return {
    at,
    title: text(title),
    sourceId: text(threadId) ?? text(otherId) ?? text(id),
    ...checkMessages(list),
  };
}

function notJson(text: string): UnreadableExport {
  const fault = jsonFault(text);
  if (!fault) return new UnreadableExport('This is no JSON.');
  return new UnreadableExport(
    `This is no JSON. Line ${fault.line}, column ${fault.column}: ${fault.message}.`,
  );
}

/** Numbers that would not read back as they are written: JavaScript has no others than doubles. */
function notesOn(text: string): string[] {
  if (!LONG_NUMBER.test(text)) return [];
  let times = 0;
  let first = '';
  const lines =
    isLines(text) && parsed(text).value === undefined
      ? [...linesOf(text)].map(({ line, end }) => ({ line, start: end - line.length }))
      : [{ line: text, start: 0 }];
  for (const { line, start } of lines)
    jsonFault(line, (written, at) => {
      if (!/^-?\d{16,}$/.test(written) || BigInt(written) === BigInt(Number(written))) return;
      first ||= `${written} on line ${placeOf(text, start + at).line}`;
      times++;
    });
  return times === 0
    ? []
    : [
        `${times === 1 ? 'One number has' : `${times} numbers have`} more digits than can be kept, such as ${first}. Put them in quotes, or they change.`,
      ];
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') {
    const keys = Object.keys(value);
    const named = keys.slice(0, 4).map((key) => (key.length > 30 ? `${key.slice(0, 30)}…` : key));
    return keys.length === 0
      ? 'an empty object'
      : `an object with ${named.join(', ')}${keys.length > 4 ? ' …' : ''}`;
  }
  return typeof value === 'string'
    ? 'a text'
    : typeof value === 'number'
      ? 'a number'
      : `the word ${JSON.stringify(value)}`;
}
