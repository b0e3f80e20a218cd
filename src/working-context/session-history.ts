// Over 200 lines: one class decides on the history, in the order of what has priority.
import { type Message, type StoredMessage } from '../session/message.js';
import { countMessage } from '../tokens/message-tokens.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { beginningOf, cutPreferences } from './history-cut.js';
import { summaryMessage, type HistorySummary } from './history-summary.js';
import { groupMessages, type MessageGroup } from './message-groups.js';
import { type ItemReceipt, type Reason } from './receipt.js';
import { evenLimit, shortenMessage } from './shorten-message.js';

/** A message of the history as it is sent, and its place. */
export interface HistoryEntry {
  readonly id: string;
  readonly seq: number;
  readonly message: Message;
  readonly tokens: number;
  /** ISO 8601. */
  readonly saidAt: string;
}

export interface HistoryLimits {
  /** Tokens of the whole history. */
  readonly cap: number;
  /** The part of them that a history which must be cut may leave unused, so that it begins where it began. */
  readonly step: number;
  /** Older messages of the thread that are not among the entries. */
  readonly unread?: number;
  /** What was said in what is left out. */
  readonly summary?: HistorySummary | undefined;
  /** Some providers refuse a history that begins otherwise. */
  readonly beginsWithUser?: boolean;
}

export interface SelectedHistory {
  /** Oldest first, but for results of tools, which follow their calls. */
  messages: Message[];
  /** What is in the prompt word for word: the kept messages without the shortened ones. */
  whole: HistoryEntry[];
  used: number;
  items: ItemReceipt[];
  /** The last `seq` before what is sent without a gap; 0 when nothing is left out. */
  leftOutThrough: number;
}

type Group = MessageGroup<HistoryEntry>;
interface Verdict {
  /** As sent; absent when dropped. */
  entry?: HistoryEntry;
  decision: ItemReceipt['decision'];
  reason: Reason;
}
/** A group as it would be sent, and the room that is set aside for it. */
interface Plan {
  readonly group: Group;
  readonly sent: readonly HistoryEntry[];
  readonly size: number;
}

/** The instructions at the head of a thread, all together, take this part of the history at most. */
const HEAD_PART = 1 / 2;
/** And a summary this one; so do the results of one call, the newest excepted, while the history must be cut. */
const PIECE_PART = 1 / 4;
/** Tokens that each result of a call may have in any case: less would be little more than the mark. */
const SMALLEST_RESULT = 32;

/**
 * What only the store knows is taken off, and a count that is missing or impossible is made good.
 * @param isCounted whether stored counts are those of this counter
 */
export function historyEntry(counter: TokenCounter, stored: StoredMessage, isCounted = true): HistoryEntry {
  const { id, seq, tokens, createdAt: saidAt, ...rest } = stored;
  const message: Message = rest;
  const counted = isCounted && Number.isSafeInteger(tokens) && tokens > 0;
  return { id, seq, message, tokens: counted ? tokens : countMessage(counter, message), saidAt };
}

/** Tokens of all that could be sent. */
export function historyDemand(entries: readonly HistoryEntry[], { unread = 0 }: HistoryLimits): number {
  return unread > 0 ? Infinity : entries.reduce((total, { tokens }) => total + tokens, 0);
}

/**
 * Chooses what of the history is sent in at most `cap` tokens. Unsound groups never are. Of the others, in
 * this order:
 * 1. the newest user message, shortened only when it is more than the cap by itself;
 * 2. the system messages at the head of the thread, in half of the cap: what does not fit is shortened;
 * 3. when something must go, the summary of what went before, in a quarter of the cap;
 * 4. the rest from the newest to the oldest: the oldest go first, in steps (`beginningOf`). Meanwhile the results of a call
 *    take a quarter of the cap at most, and those of the newest call, after the user's message, what is left.
 *
 * A larger cap never drops what a smaller one kept: each takes in its turn what it needs, or a fixed part of the
 * cap, and none is passed by for one behind it. So its part of the cap never grows with the cap, and what remains for the
 * others never shrinks. For that, room is reckoned in fractions of a token.
 */
export function selectHistory(
  counter: TokenCounter,
  entries: readonly HistoryEntry[],
  limits: HistoryLimits,
): SelectedHistory {
  const selection = new HistorySelection(counter, entries, limits);
  selection.select();
  return selection.result();
}

function isInstruction({ entries: [first] }: Group): boolean {
  return first !== undefined && isInstructing(first.message);
}

function isInstructing({ role }: Message): boolean {
  return role === 'system' || role === 'developer';
}

function isFromUser(group: Group | undefined): boolean {
  return group?.entries[0]?.message.role === 'user';
}

function size({ entries }: Pick<Group, 'entries'>): number {
  return entries.reduce((total, { tokens }) => total + tokens, 0);
}

/** The room that is left, and what was decided so far. */
class HistorySelection {
  readonly #verdicts = new Map<HistoryEntry, Verdict>();
  readonly #groups: readonly Group[];
  #room: number;
  #summary: { message: Message; tokens: number } | undefined;

  constructor(
    private readonly counter: TokenCounter,
    private readonly entries: readonly HistoryEntry[],
    private readonly limits: HistoryLimits,
  ) {
    this.#groups = groupMessages(entries);
    this.#room = limits.cap;
  }

  get #hasUnread(): boolean {
    return (this.limits.unread ?? 0) > 0;
  }

  select(): void {
    const sound = this.#soundGroups();
    const isWhole = !this.#hasUnread && sound.reduce((sum, group) => sum + size(group), 0) <= this.limits.cap;
    const afterHead = sound.findIndex((group) => !isInstruction(group));
    const head = afterHead < 0 ? sound : sound.slice(0, afterHead);
    const turns = sound.slice(head.length);
    const question = turns.findLast(isFromUser);
    if (question) this.#keepOrShorten(question, this.#room, 'newest_user_message');
    this.#keepHead(head, isWhole ? this.#room : HEAD_PART * this.limits.cap);
    this.#keepRest(turns, question);
    if (this.limits.beginsWithUser) this.#dropBeforeUser(turns);
  }

  result(): SelectedHistory {
    const verdicts = this.entries.map((entry) => this.#verdicts.get(entry) ?? OVER_SHARE);
    const inOrder = this.#groups.flatMap((group) => group.entries);
    const sent = inOrder.flatMap((original) => this.#verdicts.get(original)?.entry ?? []);
    const messages = sent.map(({ message }) => message);
    const items = this.entries.map(({ id, tokens }, index): ItemReceipt => {
      const { entry, decision, reason } = verdicts[index] ?? OVER_SHARE;
      return { tier: 'session', id, tokens: entry?.tokens ?? tokens, decision, reason };
    });
    if (this.#summary) {
      const { message, tokens } = this.#summary;
      const first = sent.find((entry) => !isInstructing(entry.message));
      const place = first
        ? this.entries.findIndex((_, index) => verdicts[index]?.entry === first)
        : items.length;
      messages.splice(first ? sent.indexOf(first) : messages.length, 0, message);
      items.splice(place, 0, { tier: 'session', id: 'summary', tokens, decision: 'kept', reason: 'summary' });
    }
    return {
      messages,
      whole: this.entries.filter((_, index) => verdicts[index]?.decision === 'kept'),
      used: sent.reduce((total, { tokens }) => total + tokens, this.#summary?.tokens ?? 0),
      items,
      leftOutThrough: this.#leftOutThrough(verdicts),
    };
  }

  #leftOutThrough(verdicts: readonly Verdict[]): number {
    const isCut = ({ decision, reason }: Verdict): boolean =>
      decision === 'dropped' && MAKES_ROOM.has(reason);
    const last = this.entries[verdicts.findLastIndex(isCut)];
    const head = this.entries.findIndex(({ message }) => !isInstructing(message));
    // What was not read is older than all that is left out, or stands right before the oldest that was read.
    return last?.seq ?? (this.#hasUnread && head >= 0 ? (this.entries[head]?.seq ?? 1) - 1 : 0);
  }

  #soundGroups(): Group[] {
    let last = 0;
    let isTorn = false;
    for (const group of this.#groups) {
      const isOrphan = group.standing === 'orphan_tool_result';
      // A result whose call was not read is no orphan: it is older than what fits.
      isTorn = isOrphan && this.#hasUnread && (isTorn || group.entries[0]?.seq !== last + 1);
      if (group.standing !== 'sound') this.#drop(group, isTorn ? 'over_share' : group.standing);
      last = group.entries.at(-1)?.seq ?? last;
    }
    return this.#groups.filter(({ standing }) => standing === 'sound');
  }

  #keepHead(head: readonly Group[], most: number): void {
    let room = Math.min(most, this.#room);
    for (const group of head) {
      const taken = Math.min(size(group), room);
      const isWhole = this.#keepOrShorten(group, room, 'leading_system');
      room -= taken;
      if (!isWhole) break;
    }
  }

  /** All but the question, which is kept already. */
  #keepRest(turns: readonly Group[], question: Group | undefined): void {
    const rest = turns.filter((group) => group !== question);
    if (!this.#hasUnread && rest.reduce((sum, group) => sum + size(group), 0) <= this.#room) {
      for (const group of rest) this.#keep({ group, sent: group.entries, size: size(group) });
      return;
    }
    this.#keepSummary();
    const newest = turns.at(-1);
    const plans: Plan[] = [];
    let planned = 0;
    for (const group of rest.toReversed()) {
      const plan = group === newest ? this.#whole(group) : this.#withSmallerResults(group);
      if (planned + plan.size > this.#room) {
        if (group === newest) this.#keepOrShorten(group, this.#room, 'fits');
        break;
      }
      plans.unshift(plan);
      planned += plan.size;
    }
    // What was read may fit by chance, when it began amid the results of a call; the beginning must not jump there.
    if (plans.length === rest.length && !this.#hasUnread)
      plans.forEach((plan) => {
        this.#keep(plan);
      });
    else this.#keepInSteps(plans, turns);
  }

  #keepInSteps(plans: readonly Plan[], turns: readonly Group[]): void {
    const points = turns.map((group) => ({ seq: group.entries[0]?.seq ?? 0, beginsTurn: isFromUser(group) }));
    const preferences = new Map(
      cutPreferences(points).map((preference, index) => [turns[index], preference]),
    );
    // One before the oldest that fits, so that the beginning is looked for among all that do.
    const candidates = [
      { seq: 0, beginsTurn: false, size: Infinity },
      ...plans.map((plan) => ({
        seq: plan.group.entries[0]?.seq ?? 0,
        beginsTurn: isFromUser(plan.group),
        size: plan.size,
      })),
    ];
    const preferred = [0, ...plans.map(({ group }) => preferences.get(group) ?? 0)];
    const beginning = beginningOf(candidates, preferred, this.#room, this.limits.step) - 1;
    for (const [index, plan] of plans.entries())
      if (index < beginning) this.#drop(plan.group, 'history_step');
      else this.#keep(plan);
  }

  #keepSummary(): void {
    const { summary, cap } = this.limits;
    if (!summary) return;
    const room = Math.min(PIECE_PART * cap, this.#room);
    const { message, tokens, wanted } = summaryMessage(this.counter, summary, Math.floor(room));
    if (message) this.#summary = { message, tokens };
    // Also when there is no room for it: what has less priority must not get what a larger cap would give to it.
    this.#room -= Math.min(room, wanted);
  }

  /** What is sent of a group whose results may take a part of the history only. */
  #withSmallerResults(group: Group): Plan {
    const [first, ...results] = group.entries;
    const limit = Math.max(PIECE_PART * this.limits.cap, SMALLEST_RESULT * results.length);
    const total = size({ entries: results });
    if (!first || total <= limit) return this.#whole(group);
    const sent = this.#shortened(results, limit);
    return sent ? { group, sent: [first, ...sent], size: first.tokens + limit } : this.#whole(group);
  }

  #whole(group: Group): Plan {
    return { group, sent: group.entries, size: size(group) };
  }

  /** True when it is kept whole. Takes no more than `room`. */
  #keepOrShorten(group: Group, room: number, reason: Reason): boolean {
    if (size(group) <= room) {
      this.#keep({ group, sent: group.entries, size: size(group) }, reason);
      return true;
    }
    const [first, ...results] = group.entries;
    const isCall = results.length > 0;
    const kept = isCall && first ? [first] : [];
    const left = room - size({ entries: kept });
    const sent = left > 0 ? this.#shortened(isCall ? results : group.entries, left) : undefined;
    if (sent) this.#keep({ group, sent: [...kept, ...sent], size: room }, reason);
    else this.#room -= room;
    return false;
  }

  /** The messages cut evenly until they fit; `undefined` when they cannot. */
  #shortened(entries: readonly HistoryEntry[], room: number): HistoryEntry[] | undefined {
    const limit = evenLimit(
      entries.map(({ tokens }) => tokens),
      room,
    );
    const shortened = entries.map((entry) => {
      if (entry.tokens <= limit) return entry;
      const message = shortenMessage(this.counter, entry.message, entry.tokens, limit);
      return message && { ...entry, message, tokens: countMessage(this.counter, message) };
    });
    return shortened.includes(undefined) ? undefined : (shortened as HistoryEntry[]);
  }

  #keep({ group, sent, size: taken }: Plan, reason: Reason = 'fits'): void {
    group.entries.forEach((original, index) => {
      const entry = sent[index];
      if (!entry) return;
      const decision = entry === original ? 'kept' : 'shortened';
      this.#verdicts.set(original, { entry, decision, reason: decision === 'kept' ? reason : 'over_share' });
    });
    this.#room -= taken;
  }

  #drop(group: Group, reason: Reason): void {
    for (const entry of group.entries) this.#verdicts.set(entry, { decision: 'dropped', reason });
  }

  #dropBeforeUser(turns: readonly Group[]): void {
    for (const group of turns) {
      const [first] = group.entries;
      if (!first || !this.#verdicts.get(first)?.entry) continue;
      if (isFromUser(group)) return;
      this.#drop(group, 'before_user');
    }
  }
}

const MAKES_ROOM = new Set<Reason>(['over_share', 'history_step', 'before_user']);
const OVER_SHARE: Verdict = { decision: 'dropped', reason: 'over_share' };
