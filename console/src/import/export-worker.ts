import { batchesOf, type Batch } from './batches.js';
import {
  UnreadableExport,
  type ChatExport,
  type ImportMessage,
  type LeftOut,
  type Refusal,
} from './conversation.js';
import { decodeText } from './decode-text.js';
import { digestOf } from './idempotency-key.js';
import { readExport } from './read-export.js';
import { threadNames } from './thread-names.js';

/** What the page knows of a conversation; its messages stay in the worker. */
export interface ConversationSummary {
  index: number;
  at: string;
  title: string | undefined;
  /** What a prefix is put before to make a thread id. */
  name: string;
  messages: number;
  /** How many messages of each role there are. */
  roles: Record<string, number>;
  /** The first messages, each cut short. */
  beginning: { role: string; text: string }[];
  /** The first of them; there are `refusedCount`. */
  refused: Refusal[];
  refusedCount: number;
  leftOut: LeftOut[];
}

/** `refused` are the first of `refusedCount`. */
export interface ExportSummary extends Omit<ChatExport, 'conversations'> {
  refusedCount: number;
  conversations: ConversationSummary[];
}

export type WorkerRequest =
  | { id: number; kind: 'read'; file: Blob }
  | { id: number; kind: 'digest'; index: number }
  | { id: number; kind: 'batches'; index: number }
  | { id: number; kind: 'messages'; index: number; batch: Batch };

export type WorkerAnswer =
  { id: number; progress: number } | { id: number; value: unknown } | { id: number; unreadable: string };

const BEGINNING = 4;
const BEGINNING_TEXT = 280;
/** Of each list that could be as long as the file. */
const REFUSALS_SHOWN = 100;

let conversations: ChatExport['conversations'] = [];

/** Everything that could keep the page from answering is done here: reading, checking and cutting into batches. */
async function answer(request: WorkerRequest): Promise<unknown> {
  if (request.kind === 'read') return read(request);
  const messages = conversations[request.index]?.messages ?? [];
  if (request.kind === 'digest') return digestOf(messages);
  if (request.kind === 'batches') return batchesOf(messages);
  return messages.slice(request.batch.from, request.batch.to);
}

async function read({ id, file }: { id: number; file: Blob }): Promise<ExportSummary> {
  const text = decodeText(new Uint8Array(await file.arrayBuffer()));
  tell({ id, progress: 0.3 });
  const { format, refused, notes, ...found } = readExport(text, (part) => {
    tell({ id, progress: 0.3 + 0.7 * part });
  });
  conversations = found.conversations;
  const names = threadNames(conversations);
  return {
    ...{ format, notes },
    refused: refused.slice(0, REFUSALS_SHOWN),
    refusedCount: refused.length,
    conversations: conversations.map(({ at, title, messages, refused, leftOut }, index) => ({
      ...{ index, at, title, leftOut },
      name: names[index] as string,
      messages: messages.length,
      roles: rolesOf(messages),
      beginning: messages
        .slice(0, BEGINNING)
        .map((message) => ({ role: message.role, text: beginningOf(message) })),
      refused: refused.slice(0, REFUSALS_SHOWN),
      refusedCount: refused.length,
    })),
  };
}

function rolesOf(messages: readonly ImportMessage[]): Record<string, number> {
  const roles: Record<string, number> = {};
  for (const { role } of messages) roles[role] = (roles[role] ?? 0) + 1;
  return roles;
}

function beginningOf({ content, tool_calls: calls }: ImportMessage): string {
  const text = typeof content === 'string' ? content : JSON.stringify(content ?? calls ?? '');
  return text.length > BEGINNING_TEXT ? `${text.slice(0, BEGINNING_TEXT).toWellFormed()}…` : text;
}

function tell(message: WorkerAnswer): void {
  self.postMessage(message);
}

self.addEventListener('message', ({ data }: MessageEvent<WorkerRequest>) => {
  answer(data).then(
    (value) => {
      tell({ id: data.id, value });
    },
    (error: unknown) => {
      const said =
        error instanceof UnreadableExport ? error.message : `It could not be read: ${String(error)}`;
      tell({ id: data.id, unreadable: said });
    },
  );
});
