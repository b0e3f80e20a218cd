/** `seq` from first to last, all of one revision. */
export type Run = readonly [first: number, last: number, revision: number];

/** Names one row of the log. */
export interface RowKey {
  readonly seq: number;
  readonly revision: number;
}

/**
 * What a checkpoint keeps in place of its messages: which rows of the log they are. A conversation that
 * was only ever appended to is one run, however long it is.
 */
export class MessageReference {
  constructor(
    readonly sessionId: string,
    readonly runs: readonly Run[],
  ) {}

  /** @param rows in the order of the conversation, which is the order of `seq` */
  static of(sessionId: string, rows: readonly RowKey[]): MessageReference {
    return new MessageReference(sessionId, []).extend(rows);
  }

  /** The same conversation with `rows` after it. */
  extend(rows: readonly RowKey[]): MessageReference {
    const runs = [...this.runs];
    for (const { seq, revision } of rows) {
      const last = runs.at(-1);
      if (last?.[1] === seq - 1 && last[2] === revision) runs[runs.length - 1] = [last[0], seq, revision];
      else runs.push([seq, seq, revision]);
    }
    return new MessageReference(this.sessionId, runs);
  }

  get messageCount(): number {
    return this.runs.reduce((count, [first, last]) => count + last - first + 1, 0);
  }
}
