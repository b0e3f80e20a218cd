import type { Timing } from './interleave.js';

/** How much is loaded and how often it is measured. */
export interface Effort {
  /** Samples of each variant of each operation, at each number of callers. */
  readonly iterations: number;
  /** Tenants that share the tables. */
  readonly tenants: number;
  /** Memories of the largest tenant. */
  readonly largest: number;
  /** Messages of the longest thread. */
  readonly longest: number;
  /** Length of each window of a load. */
  readonly seconds: number;
  /** Memories of other tenants than those that are asked. */
  readonly rows: number;
}

export interface Bench {
  /** A PostgreSQL server on which databases may be created and dropped. */
  readonly server: string;
  readonly effort: Effort;
  /** Whether to measure other products beside Triptych. */
  readonly withPeers: boolean;
  /** Says how far the run is. */
  readonly tell: (line: string) => void;
}

/** One operation, done in each of a suite's ways. */
export interface Comparison {
  readonly operation: string;
  /** Callers at the same time; absent where requests come at a fixed rate. */
  readonly callers?: number;
  /** By variant; a variant that has no form of this operation is absent. */
  readonly timings: Readonly<Record<string, Timing>>;
}

/** What the same takes to store, in each of a suite's ways. */
export interface SizeComparison {
  readonly what: string;
  /** By variant, in bytes; a variant that was not measured is absent. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** How much of a whole something is, in each of a suite's ways. */
export interface ShareComparison {
  readonly what: string;
  /** By variant, from 0 to 1. */
  readonly shares: Readonly<Record<string, number>>;
}

export interface Findings {
  /** What the suite ran on: versions, settings and sizes that its figures depend on. */
  readonly surroundings: readonly string[];
  readonly comparisons: readonly Comparison[];
  readonly sizes?: readonly SizeComparison[];
  readonly shares?: readonly ShareComparison[];
  /** Remarks for the reader, such as a target and whether it was met. */
  readonly notes: readonly string[];
}

/** One question of speed. Its first variant is the subject; every ratio is the subject's figure over another's. */
export interface Suite {
  readonly name: string;
  /** One line for `--help`. */
  readonly question: string;
  /** The variants in the order of their columns, each with what it is. */
  readonly variants: Readonly<Record<string, string>>;
  /** The figure that the ratios compare, and that stands beside the p50; absent: p50, and p95 beside it. */
  readonly ratioOf?: 'p99';
  run(bench: Bench): Promise<Findings>;
}
