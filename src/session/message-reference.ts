import type { BaseMessage } from '@langchain/core/messages';

/** `seq` from first to last, all of one revision; of the thread's conversation unless a namespace is named. */
export type Run = readonly [first: number, last: number, revision: number, namespace?: string];

/** Names one row of the log. */
export interface RowKey {
  readonly seq: number;
  readonly revision: number;
  /** '' or absent: the conversation of the thread. */
  readonly namespace?: string;
}

/** Messages that no row of the log holds (yet), and which are therefore kept in the checkpoint itself. */
export interface InlineMessages {
  readonly inline: readonly BaseMessage[];
}

/** What was there before messages were replaced by a reference: a list, one message, or a delta's snapshot. */
export type ReferenceShape = 'list' | 'single' | 'snapshot';

/**
 * What LangGraph's tables keep in place of messages: which rows of the log they are, in their order. A
 * conversation that was only ever appended to is one run, however long it is.
 */
export class MessageReference {
  constructor(
    readonly sessionId: string,
    readonly parts: readonly (Run | InlineMessages)[],
    readonly shape: ReferenceShape = 'list',
  ) {}

  /** @param rows in the order of the conversation */
  static of(
    sessionId: string,
    rows: readonly (RowKey | BaseMessage)[],
    shape?: ReferenceShape,
  ): MessageReference {
    return new MessageReference(sessionId, partsOf([], rows), shape);
  }

  /** The rows alone; messages kept inline have none. */
  get runs(): readonly Run[] {
    return this.parts.filter((part) => isRun(part));
  }
}

/** The runs with `rows` after them. */
export function extendRuns(runs: readonly Run[], rows: readonly RowKey[]): readonly Run[] {
  return partsOf(runs, rows) as Run[];
}

export function isRun(part: Run | InlineMessages): part is Run {
  return Array.isArray(part);
}

/** How many rows the runs name. */
export function countRows(runs: readonly Run[]): number {
  return runs.reduce((count, [first, last]) => count + last - first + 1, 0);
}

/** Whether two keys name the same row. */
export function isSameRow(one: RowKey, other: RowKey): boolean {
  return (
    one.seq === other.seq &&
    one.revision === other.revision &&
    (one.namespace ?? '') === (other.namespace ?? '')
  );
}

/** Whether a row is one that the runs name. */
export function namesRow(runs: readonly Run[], { seq, revision, namespace = '' }: RowKey): boolean {
  return runs.some(
    ([first, last, ofRun, inRun = '']) =>
      first <= seq && seq <= last && ofRun === revision && inRun === namespace,
  );
}

/** The rows of `runs` that `others` do not name. What both name is passed over run by run, not row by row. */
export function rowsMissing(runs: readonly Run[], others: readonly Run[]): RowKey[] {
  const missing: RowKey[] = [];
  for (const [first, last, revision, namespace = ''] of runs) {
    const ofSame = others.filter(
      ([, , ofOther, inOther = '']) => ofOther === revision && inOther === namespace,
    );
    for (let seq = first; seq <= last; seq += 1) {
      const cover = ofSame.find(([from, to]) => from <= seq && seq <= to);
      if (cover) seq = cover[1];
      else missing.push({ seq, revision, namespace });
    }
  }
  return missing;
}

type Part = Run | InlineMessages;

/** A run that is still growing. */
type OpenRun = [first: number, last: number, revision: number, namespace?: string];

function partsOf(before: readonly Part[], rows: readonly (RowKey | BaseMessage)[]): Part[] {
  const parts: (OpenRun | { inline: BaseMessage[] })[] = before.map((part) =>
    isRun(part) ? [...part] : { inline: [...part.inline] },
  );
  for (const row of rows) {
    const last = parts.at(-1);
    if ('seq' in row) {
      if (Array.isArray(last) && continues(last, row)) last[1] = row.seq;
      else parts.push(runOf(row));
    } else if (last && !Array.isArray(last)) last.inline.push(row);
    else parts.push({ inline: [row] });
  }
  return parts;
}

function continues([, last, revision, namespace = '']: Run, row: RowKey): boolean {
  return last === row.seq - 1 && revision === row.revision && namespace === (row.namespace ?? '');
}

function runOf({ seq, revision, namespace }: RowKey): OpenRun {
  return namespace ? [seq, seq, revision, namespace] : [seq, seq, revision];
}
