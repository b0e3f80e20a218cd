/** One figure of a run, sampled over its time. */
export interface Series {
  readonly name: string;
  readonly unit: 'MB' | 'ms' | '';
  /** Seconds since the load began, and the value then. */
  readonly points: readonly (readonly [seconds: number, value: number])[];
  /** How much it may grow from the beginning to the end and still be called flat; undefined: only shown. */
  readonly allowance?: { readonly absolute: number; readonly relative: number };
}

export interface Verdict {
  readonly name: string;
  readonly unit: Series['unit'];
  /** Medians of the first and the last third. */
  readonly first: number;
  readonly last: number;
  /** Along the robust slope, over the time of all samples. */
  readonly growth: number;
  /** Undefined: the series is only shown. */
  readonly allowed?: number;
  /** Undefined where nothing is allowed or forbidden. */
  readonly isFlat?: boolean;
}

/** Of the run: caches fill and connections are opened in it. */
const WARM_UP = 0.2;

/**
 * Whether a figure stays where it is. The slope is that of Theil (1950) and Sen (1968), the median of the slopes between
 * all pairs of samples, which up to 29 % of wild ones do not move; its growth over the run is held against the allowance.
 * @throws Error for fewer than three samples after the warm-up
 */
export function judge({ name, unit, points, allowance }: Series): Verdict {
  const end = points.at(-1)?.[0] ?? 0;
  const warm = points.filter(([seconds]) => seconds >= WARM_UP * end);
  if (warm.length < 3) throw new Error(`${name}: ${warm.length} samples say nothing; the run is too short.`);
  const third = Math.ceil(warm.length / 3);
  const values = warm.map(([, value]) => value);
  const first = median(values.slice(0, third));
  const last = median(values.slice(-third));
  const slopes = warm.flatMap(([at, value], index) =>
    warm.slice(index + 1).map(([later, other]) => (other - value) / (later - at)),
  );
  const growth = median(slopes) * (end - (warm[0]?.[0] ?? 0));
  const shown = { name, unit, first, last, growth };
  if (!allowance) return shown;
  const allowed = Math.max(allowance.absolute, allowance.relative * Math.abs(first));
  // A leak that comes in steps has a median slope of zero, and shows in the thirds.
  return { ...shown, allowed, isFlat: Math.max(growth, last - first) <= allowed };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
