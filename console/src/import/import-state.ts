import type { ExportReader } from './export-reader.js';
import type { ConversationSummary, ExportSummary } from './export-worker.js';
import { defaultPrefix, stemOf, threadIdFault } from './thread-names.js';

/** A file that was read, and what is to become of it. */
export interface Chosen {
  readonly fileName: string;
  /** Whether it was pasted, and no file. */
  readonly isPasted: boolean;
  /** Files that were dropped with it. */
  readonly notTaken: readonly string[];
  readonly reader: ExportReader;
  readonly summary: ExportSummary;
  /** What every thread id begins with. */
  readonly prefix: string;
  /** Thread ids that were typed by hand, by the index of the conversation. */
  readonly renamed: ReadonlyMap<number, string>;
  /** Conversations that are not wanted. */
  readonly left: ReadonlySet<number>;
  readonly addToThreads: boolean;
  /** So that what is kept of somebody who signs out is freed. */
  close(): void;
}

export function chosenOf(
  read: Pick<Chosen, 'fileName' | 'isPasted' | 'notTaken' | 'reader' | 'summary'>,
): Chosen {
  const { fileName, reader, summary } = read;
  const stem = stemOf(fileName);
  return {
    ...read,
    prefix:
      summary.conversations.length === 1 && summary.format !== 'chatgpt'
        ? ''
        : defaultPrefix(summary.format, stem),
    // One conversation is called as its file is, unless it has a name of its own.
    renamed:
      summary.conversations.length === 1 && summary.conversations[0]?.name === '1'
        ? new Map([[0, stem]])
        : new Map(),
    left: new Set(),
    addToThreads: false,
    close: () => {
      reader.close();
    },
  };
}

export function threadIdOf({ prefix, renamed }: Chosen, { index, name }: ConversationSummary): string {
  return renamed.get(index) ?? `${prefix}${name}`;
}

/** The conversations that would be sent: wanted, and with something in them. */
export function wanted(chosen: Chosen): ConversationSummary[] {
  return chosen.summary.conversations.filter(
    ({ index, messages }) => messages > 0 && !chosen.left.has(index),
  );
}

/** What is wrong with the thread ids of those that would be sent, by the index of the conversation. */
export function threadIdFaults(chosen: Chosen): Map<number, string> {
  const faults = new Map<number, string>();
  const taken = new Map<string, number>();
  for (const conversation of wanted(chosen)) {
    const threadId = threadIdOf(chosen, conversation);
    const fault = threadIdFault(threadId);
    const other = taken.get(threadId);
    if (fault !== undefined) faults.set(conversation.index, fault);
    else if (other !== undefined)
      faults.set(conversation.index, `Conversation ${other + 1} of the file has this id too.`);
    else taken.set(threadId, conversation.index);
  }
  return faults;
}
