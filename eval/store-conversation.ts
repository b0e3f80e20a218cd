import { z } from 'zod';
import { InvalidInputError } from '../src/errors.js';
import { type NewMemory } from '../src/memory/memory-input.js';
import { MESSAGE_ROLES, type Message } from '../src/session/message.js';
import { type Conversation, type Document } from './datasets.js';
import { type Service } from './service.js';

/** The thread that holds the whole conversation; memories name the session of the data set instead. */
export const THREAD = 'whole-conversation';
const AGENT = 'eval';
/** Documents in one call; both tiers take up to 1,000. */
const BATCH = 500;

/** A conversation as the service holds it, for the tenant in scope. */
export interface StoredConversation {
  /** Ids of the memories, each with the id of the document it holds. */
  memories: ReadonlyMap<string, string>;
  /** The same of the messages of {@link THREAD}. */
  messages: ReadonlyMap<string, string>;
  /** What could not be stored as it is in the data set, a sentence each. */
  notes: string[];
}

/** Stores every document twice: as a memory, and as a message of one thread. */
export async function storeConversation(
  { context, memory }: Service,
  { id, docs }: Conversation,
): Promise<StoredConversation> {
  const notes: string[] = [];
  const refuse = (tier: string) => (document: Document, why: string) => {
    notes.push(`${id}: the document ${document.id} could not be stored as a ${tier}. ${why}`);
  };
  const memories = new Map<string, string>();
  const messages = new Map<string, string>();
  const roleOf = roles(docs);
  for (let start = 0; start < docs.length; start += BATCH) {
    const batch = docs.slice(start, start + BATCH);
    const stored = await storeAcceptable(
      batch,
      (documents) => memory.storeMany(documents.map(toMemory)),
      refuse('memory'),
    );
    for (const [document, { memoryId }] of stored) memories.set(memoryId, document.id);
    const appended = await storeAcceptable(
      batch,
      async (documents) => {
        const said = documents.map((document) => ({ role: roleOf(document), content: document.text }));
        return (await context.session.appendMessages(THREAD, said)).messages;
      },
      refuse('message'),
    );
    for (const [document, message] of appended) messages.set(message.id, document.id);
  }
  const undated = docs.filter(({ date }) => date && !isMoment(date)).length;
  if (undated > 0)
    notes.push(`${id}: documents stored without their date, which is not ISO 8601: ${undated}.`);
  return { memories, messages, notes };
}

/** Leaves nothing of the tenant's behind, in a database that outlives the run. */
export async function eraseConversation(
  { context, memory }: Service,
  stored: StoredConversation,
): Promise<void> {
  for (const memoryId of stored.memories.keys()) await memory.delete(memoryId);
  if (stored.messages.size > 0) await context.session.clearSession(THREAD);
}

/**
 * Stores a batch in order. One that is refused is halved until what is not acceptable stands alone: nothing
 * is skipped without `refuse` hearing of it.
 */
async function storeAcceptable<Item, Stored>(
  batch: readonly Item[],
  store: (items: readonly Item[]) => Promise<readonly Stored[]>,
  refuse: (item: Item, why: string) => void,
): Promise<(readonly [Item, Stored])[]> {
  try {
    const stored = await store(batch);
    return batch.map((item, index) => [item, stored[index] as Stored]);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      refuse(only, error.message);
      return [];
    }
    const middle = Math.ceil(batch.length / 2);
    const first = await storeAcceptable(batch.slice(0, middle), store, refuse);
    return [...first, ...(await storeAcceptable(batch.slice(middle), store, refuse))];
  }
}

/** A speaker that is the name of a role is a role, and no name. */
function toMemory({ text, speaker, role, date, session, pos }: Document): NewMemory {
  const named = speaker && !isRole(speaker) ? speaker : undefined;
  const part = role ?? (speaker && isRole(speaker) ? speaker : undefined);
  return {
    agentId: AGENT,
    content: text,
    source: {
      ...(session != null && { threadId: String(session) }),
      ...(pos != null && { seq: pos }),
      ...(named && { speaker: named }),
      ...(part && { role: part }),
      ...(date && isMoment(date) && { occurredAt: date }),
    },
  };
}

/** Of two people who talk to each other, the one who begins stands for the user. */
function roles(documents: readonly Document[]): (document: Document) => Message['role'] {
  const begins = documents[0]?.speaker;
  return ({ role, speaker }) => {
    const named = [role, speaker].find((name) => name === 'user' || name === 'assistant');
    return named ?? (speaker === begins ? 'user' : 'assistant');
  };
}

function isRole(name: string): boolean {
  return (MESSAGE_ROLES as readonly string[]).includes(name);
}

const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true, local: true })]);

function isMoment(date: string): boolean {
  return moment.safeParse(date).success;
}
