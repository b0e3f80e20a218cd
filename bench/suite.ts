import type { Timing } from './interleave.js';

/** Something that whoever started the run can put right; shown as its message, without a stack. */
export class UsageError extends Error {}

/** How much is loaded and how often it is measured. */
export interface Effort {
  /** Samples of each variant of each operation, at each number of callers. */
  readonly iterations: number;
  /** Tenants that share the tables. */
  readonly tenants: number;
  /** Memories of the largest tenant. */
  readonly largest: number;
}

export interface Bench {
  /** A PostgreSQL server on which databases may be created and dropped. */
  readonly server: string;
  readonly effort: Effort;
  /** Says how far the run is. */
  readonly tell: (line: string) => void;
}

/** One operation, done in each of a suite's ways. */
export interface Comparison {
  readonly operation: string;
  /** Callers at the same time. */
  readonly callers: number;
  /** By variant; a variant that has no form of this operation is absent. */
  readonly timings: Readonly<Record<string, Timing>>;
}

export interface Findings {
  /** What the suite ran on: versions, settings and sizes that its figures depend on. */
  readonly surroundings: readonly string[];
  readonly comparisons: readonly Comparison[];
  /** Remarks for the reader, such as a target and whether it was met. */
  readonly notes: readonly string[];
}

/** One question of speed. Its first variant is the subject; every ratio is the subject's p50 over another's. */
export interface Suite {
  readonly name: string;
  /** One line for `--help`. */
  readonly question: string;
  /** The variants in the order of their columns, each with what it is. */
  readonly variants: Readonly<Record<string, string>>;
  run(bench: Bench): Promise<Findings>;
}
