/** What can be asked of a thread. `expectedVersion` is that of an append that others must not have overtaken. */
export type Operation =
  | {
      readonly kind: 'append';
      readonly contents: readonly string[];
      readonly expectedVersion?: number | undefined;
    }
  | { readonly kind: 'clear' }
  | { readonly kind: 'read' };

/** What an operation was answered, in words that say all of it: see {@link outcomes}. */
export type Outcome = string;

/** A thread as it must behave; undefined: there is none. */
export type ThreadState = { readonly version: number; readonly contents: readonly string[] } | undefined;

export const outcomes = {
  appended: (version: number, seqs: readonly number[]): Outcome => `version ${version}, seq ${seqs.join()}`,
  conflict: (version: number): Outcome => `conflict with version ${version}`,
  cleared: 'cleared',
  none: 'no such thread',
  read: (version: number, messages: readonly { seq: number; content?: unknown }[]): Outcome =>
    `version ${version}: ${messages.map(({ seq, content }) => `${seq} ${String(content)}`).join('; ')}`,
} as const;

/** One operation on the model. A thread that was cleared begins again at the beginning. */
export function step(state: ThreadState, operation: Operation): [ThreadState, Outcome] {
  switch (operation.kind) {
    case 'append': {
      const { version, contents } = state ?? { version: 0, contents: [] };
      const { expectedVersion = version } = operation;
      if (expectedVersion !== version) return [state, outcomes.conflict(version)];
      const seqs = operation.contents.map((_, index) => contents.length + 1 + index);
      return [
        { version: version + 1, contents: [...contents, ...operation.contents] },
        outcomes.appended(version + 1, seqs),
      ];
    }
    case 'clear':
      return [undefined, state ? outcomes.cleared : outcomes.none];
    case 'read': {
      if (!state) return [state, outcomes.none];
      const messages = state.contents.map((content, index) => ({ content, seq: index + 1 }));
      return [state, outcomes.read(state.version, messages)];
    }
  }
}

/** An operation as its client saw it; the times order all that the clients of one process did. */
export interface Observed {
  readonly operation: Operation;
  readonly outcome: Outcome;
  readonly invokedAt: number;
  readonly answeredAt: number;
}

/**
 * Whether all outcomes are those of some order, one after the other, in which no operation comes before one
 * that was answered before it was invoked (Herlihy and Wing, 1990). Tries every order: for a few operations.
 */
export function isLinearizable(observed: readonly Observed[], state?: ThreadState): boolean {
  if (observed.length === 0) return true;
  const firstAnswer = Math.min(...observed.map(({ answeredAt }) => answeredAt));
  return observed.some(({ operation, outcome, invokedAt }, index) => {
    if (invokedAt > firstAnswer) return false;
    const [next, expected] = step(state, operation);
    return (
      outcome === expected &&
      isLinearizable([...observed.slice(0, index), ...observed.slice(index + 1)], next)
    );
  });
}

/** Every order of all steps in which the steps of each program keep theirs. */
export function interleavings<T>(programs: readonly (readonly T[])[]): { client: number; step: T }[][] {
  if (programs.every((program) => program.length === 0)) return [[]];
  return programs.flatMap(([first, ...others], client) =>
    first === undefined
      ? []
      : interleavings(programs.with(client, others)).map((rest) => [{ client, step: first }, ...rest]),
  );
}
