/** A group of messages at whose first the history may begin, oldest first in any list. */
export interface CutPoint {
  /** Of the group's first message. */
  readonly seq: number;
  /** Whether that message is the user's. */
  readonly beginsTurn: boolean;
  /** Tokens that the group takes. */
  readonly size: number;
}

/**
 * How strongly each point is preferred as the beginning of a history: a total order that depends on the thread alone, and
 * neither on a budget nor on what was said since. The user's messages come before others. Among them the one counts most
 * that steps over the greatest power of two: of the numbers between it and the point before, its own included, one is a
 * multiple of 2^p. So in every stretch of a thread one point stands out, as the marks on a ruler do.
 */
export function cutPreferences(points: readonly Pick<CutPoint, 'seq' | 'beginsTurn'>[]): number[] {
  const before = new Map<boolean, number>();
  return points.map(({ seq, beginsTurn }) => {
    const previous = before.get(beginsTurn) ?? seq - 1;
    before.set(beginsTurn, seq);
    const power = 31 - Math.clz32(previous ^ seq);
    return (beginsTurn ? 32 : 0) + power;
  });
}

/**
 * Where a history that must be cut begins, so that it begins at the same message for many turns: an index, or
 * `points.length` when not even the newest group fits.
 *
 * Message by message, the first message of a prompt changes with every turn, and a provider that caches prompts by their
 * beginning finds nothing of it. Here the history gives up `step` of its room at most, and begins at the point that stands
 * out most among those that leave it between `1 - step` and the whole of its room. While the thread grows that stretch moves
 * on, and the point with it in steps of about half its length. It needs to know nothing of the turn before. A larger room
 * never begins later: both ends of the stretch move back with it, and what stands out most in a stretch still does in every
 * part of it.
 *
 * @param room tokens
 * @param step 0, message by message, to 1
 */
export function beginningOf(
  points: readonly CutPoint[],
  preferences: readonly number[],
  room: number,
  step: number,
): number {
  let size = 0;
  let latest: number | undefined;
  let best = points.length;
  for (let index = points.length - 1; index >= 0; index--) {
    const grown = size + (points[index]?.size ?? 0);
    if (grown > room) return best;
    size = grown;
    if (size < (1 - step) * room) best = index;
    else {
      // Of equals the older one.
      if (latest === undefined || (preferences[index] ?? 0) >= (preferences[best] ?? 0)) best = index;
      latest ??= index;
    }
  }
  return 0;
}
