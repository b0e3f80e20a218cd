import type { RowKey } from './message-reference.js';

/** A row of the log, as far as it identifies a message. */
export interface LoggedMessage extends RowKey {
  readonly messageId: string;
  readonly digest: string;
  readonly live: boolean;
}

/** A message with the row that it keeps. */
export type ShownMessage = Pick<LoggedMessage, 'messageId' | 'seq' | 'revision'>;

/** A message that a graph hands over: known by its id and by what it says. */
export interface HandedMessage {
  readonly messageId: string;
  readonly digest: string;
}

/** Where a message stands in the log, and whether that row has yet to be written. */
export interface Placement extends RowKey {
  readonly isNew: boolean;
}

/**
 * Finds for each message of a conversation its row in the log, or gives it one. The order of `seq` stays
 * the order of the conversation: an unchanged message keeps its row, one that was changed under its id
 * gets the next revision of its place, and any other is appended. Under one id one row of a revision from 0
 * on is shown; whatever else stands under it has a revision below 0.
 * @param shown the beginning of the conversation, which keeps its rows; `conversation` is what follows it
 */
export function placeMessages(
  conversation: readonly HandedMessage[],
  log: readonly LoggedMessage[],
  lastSeq: number,
  shown: readonly ShownMessage[] = [],
): Placement[] {
  const rowsOfId = groupById(log);
  const ceilings = seqCeilings(conversation, rowsOfId);
  const named = new Set(shown.flatMap(({ messageId, revision }) => (revision < 0 ? [] : [messageId])));
  let reached = shown.at(-1)?.seq ?? 0;
  let next = lastSeq + 1;
  return conversation.map(({ messageId, digest }, index) => {
    const isRepeat = named.has(messageId);
    const rows = (rowsOfId.get(messageId) ?? []).filter(
      ({ seq, revision }) => seq > reached && (!isRepeat || revision < 0),
    );
    const same = rows.find((row) => row.digest === digest);
    const place = same
      ? { seq: same.seq, revision: same.revision, isNew: false }
      : newPlace(rows, ceilings[index] ?? Infinity, isRepeat);
    if (place.revision >= 0) named.add(messageId);
    reached = place.seq;
    return place;
  });

  function newPlace(rows: readonly LoggedMessage[], ceiling: number, isRepeat: boolean): Placement {
    const replaced = rows.find(({ live, seq }) => live && seq < ceiling);
    if (replaced) {
      const revisions = log.filter(({ seq }) => seq === replaced.seq).map(({ revision }) => revision);
      const revision = isRepeat ? Math.min(-1, Math.min(...revisions) - 1) : Math.max(-1, ...revisions) + 1;
      return { seq: replaced.seq, revision, isNew: true };
    }
    next = Math.max(next, reached + 1);
    return { seq: next++, revision: isRepeat ? -1 : 0, isNew: true };
  }
}

/** For each message the lowest `seq` of any later one that is in the log unchanged. */
function seqCeilings(
  conversation: readonly HandedMessage[],
  rowsOfId: Map<string, LoggedMessage[]>,
): number[] {
  const ceilings = new Array<number>(conversation.length);
  let ceiling = Infinity;
  for (let index = conversation.length - 1; index >= 0; index -= 1) {
    ceilings[index] = ceiling;
    const message = conversation[index] as HandedMessage;
    const row = rowsOfId.get(message.messageId)?.find(({ digest }) => digest === message.digest);
    if (row) ceiling = Math.min(ceiling, row.seq);
  }
  return ceilings;
}

/** `Map.groupBy` would do; Node 20 has none. */
function groupById(log: readonly LoggedMessage[]): Map<string, LoggedMessage[]> {
  const groups = new Map<string, LoggedMessage[]>();
  for (const row of log) {
    const group = groups.get(row.messageId);
    if (group) group.push(row);
    else groups.set(row.messageId, [row]);
  }
  return groups;
}
