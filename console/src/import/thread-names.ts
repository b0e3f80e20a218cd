import { type Conversation, type ExportFormat } from './conversation.js';

export const MAX_THREAD_ID = 256;

/** The name of a file without its folder and its ending, as far as it makes a good beginning of a thread id. */
export function stemOf(fileName: string): string {
  const stem = fileName.replace(/^.*[\\/]/, '').replace(/\.[A-Za-z0-9]{1,8}$/, '');
  return slug(stem) || 'import';
}

/** What the thread ids of a file begin with, until somebody changes it. */
export function defaultPrefix(format: ExportFormat, stem: string): string {
  return format === 'chatgpt' ? 'chatgpt-' : `${stem}-`;
}

/**
 * What stands behind the prefix: the id that the conversation has already, or its title, or its number. The same file gives
 * the same names, so an import that is begun again goes to the same threads.
 */
export function threadNames(conversations: readonly Pick<Conversation, 'sourceId' | 'title'>[]): string[] {
  const taken = new Set<string>();
  return conversations.map(({ sourceId, title }, index) => {
    const wanted = (sourceId ?? slug(title ?? '')) || String(index + 1);
    let name = wanted.slice(0, 200);
    for (let copy = 2; taken.has(name); copy++) name = `${wanted.slice(0, 200)}-${copy}`;
    taken.add(name);
    return name;
  });
}

/** What is wrong with a thread id; undefined where it may be used. */
export function threadIdFault(threadId: string): string | undefined {
  if (threadId === '') return 'A thread needs an id.';
  if (threadId === '.' || threadId === '..') return 'No URL can carry this id.';
  if (threadId.length > MAX_THREAD_ID)
    return `It has ${threadId.length} characters; ${MAX_THREAD_ID} are possible.`;
  if (threadId.includes('\0') || !threadId.isWellFormed())
    return 'It holds a character that cannot be stored.';
  return undefined;
}

function slug(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
}
