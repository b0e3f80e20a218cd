import type { RowKey } from './message-reference.js';

/** A row of the log, as far as it identifies a message. */
export interface LoggedMessage extends RowKey {
  readonly messageId: string;
  readonly digest: string;
  readonly live: boolean;
}

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
 * gets the next revision of its place, and any other is appended.
 */
export function placeMessages(
  conversation: readonly HandedMessage[],
  log: readonly LoggedMessage[],
  lastSeq: number,
): Placement[] {
  const rowsOfId = groupById(log);
  const ceilings = seqCeilings(conversation, rowsOfId);
  let reached = 0;
  let next = lastSeq + 1;
  return conversation.map((message, index) => {
    const rows = (rowsOfId.get(message.messageId) ?? []).filter(({ seq }) => seq > reached);
    const same = rows.find(({ digest }) => digest === message.digest);
    if (same) {
      reached = same.seq;
      return { seq: same.seq, revision: same.revision, isNew: false };
    }
    const replaced = rows.find(({ live, seq }) => live && seq < (ceilings[index] ?? Infinity));
    if (replaced) {
      reached = replaced.seq;
      const revisions = log.filter(({ seq }) => seq === replaced.seq).map(({ revision }) => revision);
      return { seq: replaced.seq, revision: Math.max(...revisions) + 1, isNew: true };
    }
    next = Math.max(next, reached + 1);
    reached = next;
    next += 1;
    return { seq: reached, revision: 0, isNew: true };
  });
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
