import type { SerializerProtocol } from '@langchain/langgraph-checkpoint';
import { MessageReference, type Run } from './message-reference.js';

/** The type column of a blob that holds a reference; no value of a user's can have it. */
const REFERENCE = 'triptych.messages';

/** LangGraph's serializer, and one type more: the reference to the message log. */
export class CheckpointSerializer implements SerializerProtocol {
  readonly #values: SerializerProtocol;

  /** @param values LangGraph's own serializer */
  constructor(values: SerializerProtocol) {
    this.#values = values;
  }

  async dumpsTyped(value: unknown): Promise<[string, Uint8Array]> {
    if (!(value instanceof MessageReference)) return this.#values.dumpsTyped(value);
    return [REFERENCE, new TextEncoder().encode(JSON.stringify([value.sessionId, value.runs]))];
  }

  async loadsTyped(type: string, data: Uint8Array | string): Promise<unknown> {
    if (type !== REFERENCE) return this.#values.loadsTyped(type, data);
    const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
    const [sessionId, runs] = JSON.parse(text) as [string, Run[]];
    return new MessageReference(sessionId, runs);
  }
}
