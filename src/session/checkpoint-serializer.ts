import type { BaseMessage } from '@langchain/core/messages';
import type { SerializerProtocol } from '@langchain/langgraph-checkpoint';
import {
  MessageReference,
  isRun,
  type InlineMessages,
  type ReferenceShape,
  type Run,
} from './message-reference.js';
import { conceal, reveal } from './opaque-values.js';

/** The type column of a blob that holds a reference; no value of a user's can have it. */
export const REFERENCE = 'triptych.messages';
/** LangGraph's JSON of a value in which something had to be hidden from its reviver. */
const CONCEALED = 'triptych.json';

/** A run, or the JSON of messages that are kept inline. */
type StoredPart = Run | { readonly json: string };
type StoredReference = readonly [sessionId: string, parts: readonly StoredPart[], shape?: ReferenceShape];

/**
 * LangGraph's serializer, with two types more: the reference to the message log, and a value that holds what
 * LangGraph would take for an object of its own (`{lc: 1, type: 'constructor', …}` makes a thread unreadable
 * for good with the stock one). A value that needs neither is stored exactly as LangGraph stores it.
 */
export class CheckpointSerializer implements SerializerProtocol {
  readonly #values: SerializerProtocol;

  /** @param values LangGraph's own serializer */
  constructor(values: SerializerProtocol) {
    this.#values = values;
  }

  async dumpsTyped(value: unknown): Promise<[string, Uint8Array]> {
    if (value instanceof MessageReference) {
      const parts = await Promise.all(value.parts.map((part) => this.#store(part)));
      const stored: StoredReference = [value.sessionId, parts, value.shape];
      return [REFERENCE, new TextEncoder().encode(JSON.stringify(stored))];
    }
    const concealed = conceal(value);
    const [type, data] = await this.#values.dumpsTyped(concealed);
    return [concealed === value ? type : CONCEALED, data];
  }

  async loadsTyped(type: string, data: Uint8Array | string): Promise<unknown> {
    if (type === CONCEALED) return reveal(await this.#values.loadsTyped('json', data));
    if (type !== REFERENCE) return this.#values.loadsTyped(type, data);
    const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
    const [sessionId, stored, shape] = JSON.parse(text) as StoredReference;
    const parts = await Promise.all(stored.map((part) => this.#load(part)));
    return new MessageReference(sessionId, parts, shape);
  }

  async #store(part: Run | InlineMessages): Promise<StoredPart> {
    if (isRun(part)) return part;
    const [, data] = await this.#values.dumpsTyped(conceal(part.inline));
    return { json: new TextDecoder().decode(data) };
  }

  async #load(part: StoredPart): Promise<Run | InlineMessages> {
    if (!('json' in part)) return part;
    return { inline: reveal(await this.#values.loadsTyped('json', part.json)) as BaseMessage[] };
  }
}
