// Over 200 lines: one checker, with every rule that a history is held to.
/** An append as its client saw it. Times are ticks of the {@link History}, which order all that its client did. */
export interface Append {
  readonly thread: string;
  /** What the messages say; no text stands in two messages of a history. */
  readonly contents: readonly string[];
  readonly invokedAt: number;
  readonly answer?: Answer;
}

/** No answer: it may have been carried out, or not, or still will be. */
export type Answer =
  | { readonly outcome: 'refused'; readonly at: number }
  | {
      readonly outcome: 'acknowledged';
      readonly at: number;
      readonly version?: number | undefined;
      /** The places that the messages were given; absent where the store names none. */
      readonly seqs?: readonly number[] | undefined;
    };

/** All of a thread, oldest first, read when no append was under way any more. */
export interface FinalRead {
  readonly thread: string;
  readonly version: number;
  readonly messages: readonly { readonly seq: number; readonly content: string }[];
}

export interface Anomaly {
  readonly kind: 'lost' | 'doubled' | 'reordered' | 'gap' | 'torn' | 'invented' | 'version';
  readonly thread: string;
  readonly detail: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What one client process asked of a store and was answered, in the order in which it saw it. */
export class History {
  readonly #appends: Mutable<Append>[] = [];
  #clock = 0;

  get appends(): readonly Append[] {
    return this.#appends;
  }

  /** Notes that an append is about to be sent; call what it returns when there is an answer. */
  invoke(
    thread: string,
    contents: readonly string[],
  ): {
    acknowledge(given?: { version?: number; seqs?: readonly number[] }): void;
    refuse(): void;
  } {
    const append: Mutable<Append> = { thread, contents, invokedAt: this.#tick() };
    this.#appends.push(append);
    return {
      acknowledge: (given = {}) => {
        append.answer = { outcome: 'acknowledged', at: this.#tick(), ...given };
      },
      refuse: () => {
        append.answer = { outcome: 'refused', at: this.#tick() };
      },
    };
  }

  count(outcome: Answer['outcome'] | undefined): number {
    return this.#appends.filter(({ answer }) => answer?.outcome === outcome).length;
  }

  #tick(): number {
    this.#clock += 1;
    return this.#clock;
  }
}

/**
 * Compares appends with what the threads hold at the end, after the set and list-append checkers of Jepsen:
 * what was acknowledged is there once, whole and where it was said to be, an append that was acknowledged
 * before another was invoked stands before it, nothing is there that nobody sent, and `seq` has no gap.
 * @param versions contiguous: every append makes exactly one version, and nothing else makes any;
 *   increasing: other writers make versions too
 * @returns everything that is wrong; nothing when the store kept its word
 */
export function check(
  appends: readonly Append[],
  reads: readonly FinalRead[],
  { versions = 'contiguous' }: { versions?: 'contiguous' | 'increasing' } = {},
): Anomaly[] {
  const threads = new Set([...appends, ...reads].map(({ thread }) => thread));
  return [...threads].flatMap((thread) => {
    const own = appends.filter((append) => append.thread === thread);
    const read = reads.find((one) => one.thread === thread) ?? { thread, version: 0, messages: [] };
    const placed = place(own, read);
    return [
      ...checkSeqs(read),
      ...checkPresence(placed, read),
      ...checkOrder(placed),
      ...checkVersions(placed, read, versions),
    ];
  });
}

/** How many of each kind, for a line that a person reads. */
export function countKinds(anomalies: readonly Anomaly[]): Partial<Record<Anomaly['kind'], number>> {
  const counts: Partial<Record<Anomaly['kind'], number>> = {};
  for (const { kind } of anomalies) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

interface Placed extends Append {
  /** For each message, every place at which the final read has it. */
  readonly places: readonly (readonly number[])[];
}

function place(appends: readonly Append[], { messages }: FinalRead): Placed[] {
  const found = new Map<string, number[]>();
  messages.forEach(({ content }, index) => found.set(content, [...(found.get(content) ?? []), index + 1]));
  return appends.map((append) => ({
    ...append,
    places: append.contents.map((content) => found.get(content) ?? []),
  }));
}

/** Only the first: all that follow a gap are out of step with it. */
function checkSeqs({ thread, messages }: FinalRead): Anomaly[] {
  const index = messages.findIndex(({ seq }, at) => seq !== at + 1);
  if (index < 0) return [];
  return [{ kind: 'gap', thread, detail: `seq ${messages[index]?.seq} stands at place ${index + 1}` }];
}

function checkPresence(appends: readonly Placed[], { thread, messages }: FinalRead): Anomaly[] {
  const known = new Set(appends.flatMap(({ contents }) => contents));
  const foreign = messages.filter(({ content }) => !known.has(content));
  return [
    ...foreign.map(({ content }) => ({
      kind: 'invented' as const,
      thread,
      detail: `nobody sent ${content}`,
    })),
    ...appends.flatMap((append) => checkOne(append)),
  ];
}

function checkOne({ thread, contents, places, answer }: Placed): Anomaly[] {
  const all = contents.join(', ');
  const anomaly = (kind: Anomaly['kind'], detail: string): Anomaly => ({ kind, thread, detail });
  const twice = contents.filter((_, index) => (places[index]?.length ?? 0) > 1);
  const missing = contents.filter((_, index) => places[index]?.length === 0);
  const isWhole = missing.length === 0;
  const found = twice.map((content) => anomaly('doubled', `${content} is there more than once`));
  if (answer?.outcome === 'refused' && missing.length < contents.length)
    found.push(anomaly('invented', `${all} was refused and is there`));
  if (answer?.outcome === 'acknowledged')
    found.push(...missing.map((content) => anomaly('lost', `${content} was acknowledged and is not there`)));
  if (!isWhole && missing.length < contents.length)
    found.push(anomaly('torn', `of ${all}, ${missing.join(', ')} is not there`));
  if (!isWhole || twice.length > 0) return found;
  const at = places.map(([only = 0]) => only);
  if (at.some((own, index) => own !== (at[0] ?? 0) + index))
    found.push(anomaly('torn', `${all} stands at ${at.join(', ')}`));
  if (answer?.outcome === 'acknowledged' && answer.seqs && answer.seqs.join() !== at.join())
    found.push(
      anomaly('reordered', `${all} was given ${answer.seqs.join(', ')} and stands at ${at.join(', ')}`),
    );
  return found;
}

/** What was acknowledged before an append was invoked stands before it. */
function checkOrder(appends: readonly Placed[]): Anomaly[] {
  const events = appends.flatMap((append) => [
    { at: append.invokedAt, append, isAnswer: false },
    ...(append.answer?.outcome === 'acknowledged' ? [{ at: append.answer.at, append, isAnswer: true }] : []),
  ]);
  events.sort((one, other) => one.at - other.at);
  const found: Anomaly[] = [];
  let last = { place: 0, contents: '' };
  for (const { append, isAnswer } of events) {
    const [first, end] = boundsOf(append);
    const contents = append.contents.join(', ');
    if (isAnswer && end > last.place) last = { place: end, contents };
    if (!isAnswer && first <= last.place)
      found.push({
        kind: 'reordered',
        thread: append.thread,
        detail: `${contents} stands before ${last.contents}, which was acknowledged before it was sent`,
      });
  }
  return found;
}

/** The first and the last place of an append; beyond and before everything when it is not there. */
function boundsOf({ places }: Placed): [first: number, last: number] {
  const all = places.flat();
  return all.length === 0 ? [Infinity, 0] : [Math.min(...all), Math.max(...all)];
}

function checkVersions(
  appends: readonly Placed[],
  { thread, version }: FinalRead,
  rule: 'contiguous' | 'increasing',
): Anomaly[] {
  const there = appends.filter((append) => boundsOf(append)[1] > 0);
  there.sort((one, other) => boundsOf(one)[0] - boundsOf(other)[0]);
  const found: Anomaly[] = [];
  const expect = (isRight: boolean, detail: string): void => {
    if (!isRight) found.push({ kind: 'version', thread, detail });
  };
  let before = 0;
  there.forEach(({ answer, contents }, index) => {
    if (answer?.outcome !== 'acknowledged' || answer.version === undefined) return;
    const isRight = rule === 'contiguous' ? answer.version === index + 1 : answer.version > before;
    expect(
      isRight,
      `append ${index + 1} of the thread, ${contents.join(', ')}, was version ${answer.version}`,
    );
    before = answer.version;
  });
  const isLast = rule === 'contiguous' ? version === there.length : version >= before;
  expect(
    isLast,
    `the thread is at version ${version} after ${there.length} appends, the last known ${before}`,
  );
  return found;
}
