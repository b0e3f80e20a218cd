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

/** Every row of the runs, in their order. */
export function* rowsOf(runs: readonly Run[]): Generator<RowKey> {
  for (const [first, last, revision, namespace = ''] of runs)
    for (let seq = first; seq <= last; seq += 1) yield { seq, revision, namespace };
}

/** How many rows the runs name. */
export function countRows(runs: readonly Run[]): number {
  return runs.reduce((count, [first, last]) => count + last - first + 1, 0);
}

/** Whether a row is one that the runs name. */
export function namesRow(runs: readonly Run[], { seq, revision, namespace = '' }: RowKey): boolean {
  return runs.some(
    ([first, last, ofRun, inRun = '']) =>
      first <= seq && seq <= last && ofRun === revision && inRun === namespace,
  );
}

/** The rows of `runs` that `others` do not name. */
export function rowsMissing(runs: readonly Run[], others: readonly Run[]): RowKey[] {
  if (JSON.stringify(runs) === JSON.stringify(others)) return [];
  const there = new Set([...rowsOf(others)].map(nameOf));
  return [...rowsOf(runs)].filter((row) => !there.has(nameOf(row)));
}

function nameOf({ seq, revision, namespace = '' }: RowKey): string {
  return `${seq}.${revision}.${namespace}`;
}

type Part = Run | InlineMessages;

function partsOf(before: readonly Part[], rows: readonly (RowKey | BaseMessage)[]): Part[] {
  const parts = [...before];
  for (const row of rows) {
    const last = parts.at(-1);
    if (!('seq' in row)) {
      if (last && !isRun(last)) parts[parts.length - 1] = { inline: [...last.inline, row] };
      else parts.push({ inline: [row] });
    } else if (last && isRun(last) && continues(last, row)) parts[parts.length - 1] = upTo(last, row.seq);
    else parts.push(runOf(row));
  }
  return parts;
}

function continues([, last, revision, namespace = '']: Run, row: RowKey): boolean {
  return last === row.seq - 1 && revision === row.revision && namespace === (row.namespace ?? '');
}

function upTo([first, , revision, namespace]: Run, seq: number): Run {
  return namespace ? [first, seq, revision, namespace] : [first, seq, revision];
}

function runOf({ seq, revision, namespace }: RowKey): Run {
  return namespace ? [seq, seq, revision, namespace] : [seq, seq, revision];
}
