import type { BaseMessage } from '@langchain/core/messages';
import type { RowKey } from './message-reference.js';

/** Where a message stands. */
export interface RecordedAt {
  readonly sessionId: string;
  readonly row: RowKey;
}

/** The fields of a message at one moment, such that `===` tells whether they are still the same. */
export type MessageState = readonly (readonly [field: string, value: unknown])[];

interface Recorded extends RecordedAt {
  readonly state: MessageState;
}

/**
 * Which message objects are known to stand in the log, and where. A graph hands over its whole conversation at
 * every step, nearly all of it the very objects that it got from here; those need be neither serialised nor
 * looked up again. An object that was changed since is not recognised: its fields are compared, strings by
 * value and everything else by its JSON, which is a hundredth of what hashing the message costs.
 */
export class RecordedMessages {
  readonly #recorded = new WeakMap<BaseMessage, Recorded>();

  /** @param state what was written, which the object may no longer be */
  add(message: BaseMessage, at: RecordedAt, state: MessageState = stateOf(message)): void {
    this.#recorded.set(message, { ...at, state });
  }

  /** Where the message stands as it is now; undefined when nowhere. */
  find(message: BaseMessage): RecordedAt | undefined {
    const recorded = this.#recorded.get(message);
    return recorded && isUnchanged(message, recorded.state) ? recorded : undefined;
  }
}

export function stateOf(message: BaseMessage): MessageState {
  const values = message as unknown as Record<string, unknown>;
  return fieldsOf(message).map((field) => [field, settled(values[field])]);
}

function isUnchanged(message: BaseMessage, state: MessageState): boolean {
  const fields = fieldsOf(message);
  if (fields.length !== state.length) return false;
  const values = message as unknown as Record<string, unknown>;
  return state.every(([field, value], place) => fields[place] === field && settled(values[field]) === value);
}

/** `lc_*` are LangChain's own bookkeeping. */
function fieldsOf(message: BaseMessage): string[] {
  return Object.keys(message).filter((field) => !field.startsWith('lc_'));
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
