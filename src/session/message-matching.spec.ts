import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { placeMessages, type HandedMessage, type LoggedMessage, type Placement } from './message-matching.js';

const message = fc.record({
  messageId: fc.constantFrom('a', 'b', 'c', 'd'),
  digest: fc.constantFrom('1', '2'),
});
/** What a graph hands over at one step after another; reducers of the application's own may repeat an id. */
const conversations = fc.array(fc.array(message, { maxLength: 8 }), { maxLength: 8 });

/** The log of one thread, as a database would hold it. */
class Log {
  rows: LoggedMessage[] = [];
  #lastSeq = 0;
  #shown: Placement[] = [];

  /** Places a conversation as the message log does: whatever begins it as before keeps its row unasked. */
  take(conversation: readonly HandedMessage[]): Placement[] {
    const kept = this.#shown.findIndex(({ seq, revision }, index) => {
      const stands = this.#find(seq, revision);
      return (
        stands?.messageId !== conversation[index]?.messageId || stands?.digest !== conversation[index]?.digest
      );
    });
    const length = kept < 0 ? this.#shown.length : kept;
    const shown = this.#shown.slice(0, length);
    const others = placeMessages(
      conversation.slice(length),
      this.rows,
      this.#lastSeq,
      shown.map((place, index) => ({ ...place, messageId: conversation[index]?.messageId as string })),
    );
    expect(others).toEqual(placeMessages(conversation, this.rows, this.#lastSeq).slice(length));
    this.#write([...shown.map((place) => ({ ...place, isNew: false })), ...others], conversation);
    return this.#shown;
  }

  #write(places: readonly Placement[], conversation: readonly HandedMessage[]): void {
    for (const [index, { isNew, seq, revision }] of places.entries()) {
      if (!isNew) continue;
      expect(this.#find(seq, revision)).toBeUndefined();
      this.rows.push({ ...(conversation[index] as HandedMessage), seq, revision, live: true });
      this.#lastSeq = Math.max(this.#lastSeq, seq);
    }
    this.rows = this.rows.map((row) => ({
      ...row,
      live: places.some(({ seq, revision }) => seq === row.seq && revision === row.revision),
    }));
    this.#shown = [...places];
  }

  #find(seq: number, revision: number): LoggedMessage | undefined {
    return this.rows.find((row) => row.seq === seq && row.revision === revision);
  }

  get live(): LoggedMessage[] {
    return this.rows.filter(({ live }) => live).sort((one, other) => one.seq - other.seq);
  }
}

describe('placing the messages of a conversation', () => {
  it('always shows that conversation in the order of seq, each id once among the revisions from 0 on', () => {
    fc.assert(
      fc.property(conversations, (steps) => {
        const log = new Log();
        for (const conversation of steps) {
          const places = log.take(conversation);
          const numbers = places.map(({ seq }) => seq);
          expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
          expect(log.live.map(({ messageId, digest }) => ({ messageId, digest }))).toEqual(conversation);
          const ids = log.live.flatMap(({ messageId, revision }) => (revision < 0 ? [] : [messageId]));
          expect(new Set(ids).size).toBe(ids.length);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('writes nothing for a conversation that is handed over again', () => {
    fc.assert(
      fc.property(conversations, (steps) => {
        const log = new Log();
        for (const conversation of steps) {
          log.take(conversation);
          const { length } = log.rows;
          log.take(conversation);
          expect(log.rows).toHaveLength(length);
        }
      }),
    );
  });
});
