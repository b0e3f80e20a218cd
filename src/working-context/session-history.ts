import { type Message, type StoredMessage } from '../session/message.js';
import { countMessage } from '../tokens/message-tokens.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { groupMessages, type MessageGroup } from './message-groups.js';
import { type ItemReceipt, type Reason } from './receipt.js';
import { evenLimit, shortenMessage } from './shorten-message.js';

/** A message of the history as it is sent, and its place. */
export interface HistoryEntry {
  readonly id: string;
  readonly seq: number;
  readonly message: Message;
  readonly tokens: number;
}

export interface SelectedHistory {
  /** Oldest first. */
  messages: Message[];
  /** What is in the prompt word for word: the kept messages without the shortened ones. */
  whole: HistoryEntry[];
  used: number;
  items: ItemReceipt[];
}

type Group = MessageGroup<HistoryEntry>;
interface Verdict {
  /** As sent; absent when dropped. */
  entry?: HistoryEntry;
  decision: ItemReceipt['decision'];
  reason: Reason;
}

const STORE_FIELDS = new Set(['id', 'seq', 'tokens', 'createdAt']);

/** What only the store knows is taken off, and a count that is missing or impossible is made good. */
export function historyEntry(counter: TokenCounter, stored: StoredMessage): HistoryEntry {
  const { id, seq, tokens } = stored;
  const message = Object.fromEntries(
    Object.entries(stored).filter(([field]) => !STORE_FIELDS.has(field)),
  ) as Message;
  const counted = Number.isSafeInteger(tokens) && tokens > 0;
  return { id, seq, message, tokens: counted ? tokens : countMessage(counter, message) };
}

/**
 * Chooses what of the history is sent in at most `cap` tokens. Unsound groups never are. Of the others, in
 * this order:
 * 1. the newest user message, shortened when it is more than the cap by itself (half of the cap is then set
 *    aside for it, more when the messages after it leave more);
 * 2. the system messages at the head of the thread, each one that fits;
 * 3. the rest from the newest to the oldest, up to the first that does not fit: the oldest go first. When that
 *    is the very newest, it is shortened (of a group of tool calls: the results).
 */
export function selectHistory(
  counter: TokenCounter,
  entries: readonly HistoryEntry[],
  cap: number,
): SelectedHistory {
  const selection = new HistorySelection(counter, cap);
  const groups = groupMessages(entries);
  const sound = groups.filter(({ standing }) => standing === 'sound');
  for (const group of groups) if (group.standing !== 'sound') selection.drop(group, group.standing);

  const afterHead = sound.findIndex((group) => !isInstruction(group));
  const head = afterHead < 0 ? sound : sound.slice(0, afterHead);
  const rest = sound.slice(head.length);
  const asked = rest.findLastIndex(({ entries: [first] }) => first?.message.role === 'user');
  const question = rest[asked];

  const reserved = question && selection.reserve(question);
  for (const group of head) selection.keepIfFits(group, 'leading_system');
  let open = selection.keepNewest(rest.slice(asked + 1), true);
  if (question && reserved !== undefined) {
    selection.release(reserved);
    open = selection.keepOrShorten(question, 'newest_user_message') && open;
    if (open) selection.keepNewest(rest.slice(0, asked), false);
  }
  return selection.result(entries);
}

function isInstruction({ entries: [first] }: Group): boolean {
  return first?.message.role === 'system' || first?.message.role === 'developer';
}

function size({ entries }: Group): number {
  return entries.reduce((total, { tokens }) => total + tokens, 0);
}

/** The room that is left, and what was decided so far. */
class HistorySelection {
  readonly #verdicts = new Map<HistoryEntry, Verdict>();
  #room: number;

  constructor(
    private readonly counter: TokenCounter,
    private readonly cap: number,
  ) {
    this.#room = cap;
  }

  /** Sets room aside for a group and returns how much. */
  reserve(group: Group): number {
    const tokens = size(group);
    const reserved = tokens <= this.cap ? tokens : Math.floor(this.cap / 2);
    this.#room -= reserved;
    return reserved;
  }

  release(reserved: number): void {
    this.#room += reserved;
  }

  keepIfFits(group: Group, reason: Reason = 'fits'): boolean {
    if (size(group) > this.#room) return false;
    for (const entry of group.entries) this.#keep(entry, { entry, decision: 'kept', reason });
    return true;
  }

  /** From the newest on, up to the first that does not fit; true when all of them did. */
  keepNewest(groups: readonly Group[], mayShorten: boolean): boolean {
    for (const group of groups.toReversed()) {
      if (this.keepIfFits(group)) continue;
      if (mayShorten && group === groups.at(-1)) this.#shorten(group);
      return false;
    }
    return true;
  }

  /** True when it is kept whole. */
  keepOrShorten(group: Group, reason: Reason): boolean {
    if (this.keepIfFits(group, reason)) return true;
    this.#shorten(group);
    return false;
  }

  drop(group: Group, reason: Reason): void {
    for (const entry of group.entries) this.#verdicts.set(entry, { decision: 'dropped', reason });
  }

  result(entries: readonly HistoryEntry[]): SelectedHistory {
    const verdicts = entries.map((entry) => this.#verdicts.get(entry) ?? OVER_SHARE);
    return {
      messages: verdicts.flatMap(({ entry }) => (entry ? [entry.message] : [])),
      whole: entries.filter((_, index) => verdicts[index]?.decision === 'kept'),
      used: verdicts.reduce((total, { entry }) => total + (entry?.tokens ?? 0), 0),
      items: entries.map(({ id, tokens }, index) => {
        const { entry, decision, reason } = verdicts[index] ?? OVER_SHARE;
        return { tier: 'session', id, tokens: entry?.tokens ?? tokens, decision, reason };
      }),
    };
  }

  /** All of a group's results, or its only message, cut evenly until the group fits; nothing when it cannot. */
  #shorten({ entries }: Group): void {
    const [first, ...results] = entries;
    const cuttable = results.length > 0 ? results : entries;
    const fixed = results.length > 0 ? (first?.tokens ?? 0) : 0;
    const limit = evenLimit(
      cuttable.map(({ tokens }) => tokens),
      this.#room - fixed,
    );
    const shortened = entries.map((entry) => {
      if (!cuttable.includes(entry) || entry.tokens <= limit) return entry;
      const message = shortenMessage(this.counter, entry.message, entry.tokens, limit);
      return message && { ...entry, message, tokens: countMessage(this.counter, message) };
    });
    if (fixed > this.#room || shortened.includes(undefined)) return;
    entries.forEach((entry, index) => {
      const sent = shortened[index];
      if (!sent) return;
      if (sent === entry) this.#keep(entry, { entry, decision: 'kept', reason: 'fits' });
      else this.#keep(entry, { entry: sent, decision: 'shortened', reason: 'over_share' });
    });
  }

  #keep(entry: HistoryEntry, verdict: Verdict & { entry: HistoryEntry }): void {
    this.#verdicts.set(entry, verdict);
    this.#room -= verdict.entry.tokens;
  }
}

const OVER_SHARE: Verdict = { decision: 'dropped', reason: 'over_share' };
