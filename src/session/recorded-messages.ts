import type { BaseMessage } from '@langchain/core/messages';
import type { RowKey } from './message-reference.js';

/** Where a message stands. */
export interface RecordedAt {
  readonly sessionId: string;
  readonly row: RowKey;
}

/** The fields of a message at one moment, names and values in turn, such that `===` finds what has changed. */
export type MessageState = readonly unknown[];

/** Where a message stands, and as what. */
export interface Recorded extends RecordedAt {
  readonly state: MessageState;
}

/**
 * Where the object itself says where it stands. Not a WeakMap: the garbage collector spends a quarter of a
 * graph's turn on one that holds its thousands of messages.
 */
const RECORDED = Symbol('triptych.recorded');

/**
 * Notes on a message object that it stands in the log, and where. A graph hands over its whole conversation at
 * every step, nearly all of it the very objects that it got from here; those need be neither serialised nor
 * looked up again. An object that was changed since is not recognised: its fields are compared, strings by
 * value and everything else by its JSON, which is a hundredth of what hashing the message costs.
 * @param state what was written, which the object may no longer be
 */
export function noteRecorded(message: BaseMessage, at: RecordedAt, state = stateOf(message)): void {
  if (!Object.isExtensible(message)) return;
  const value: Recorded = { sessionId: at.sessionId, row: at.row, state };
  Object.defineProperty(message, RECORDED, { value, configurable: true });
}

/** Where the message stands as it is now; undefined when nowhere. */
export function findRecorded(message: BaseMessage): Recorded | undefined {
  const recorded = (message as { [RECORDED]?: Recorded })[RECORDED];
  return recorded && isUnchanged(message, recorded.state) ? recorded : undefined;
}

export function stateOf(message: BaseMessage): MessageState {
  const values = message as unknown as Record<string, unknown>;
  const state: unknown[] = [];
  for (const field of Object.keys(message)) if (isOwn(field)) state.push(field, settled(values[field]));
  return state;
}

function isUnchanged(message: BaseMessage, state: MessageState): boolean {
  const values = message as unknown as Record<string, unknown>;
  let place = 0;
  for (const field of Object.keys(message)) {
    if (!isOwn(field)) continue;
    if (state[place] !== field || settled(values[field]) !== state[place + 1]) return false;
    place += 2;
  }
  return place === state.length;
}

/** `lc_*` are LangChain's own bookkeeping. */
function isOwn(field: string): boolean {
  return !field.startsWith('lc_');
}

/** Something that `===` compares by value; what JSON cannot say is equal to nothing. */
function settled(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  try {
    return JSON.stringify(value);
  } catch {
    return Symbol('not comparable');
  }
}
