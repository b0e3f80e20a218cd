import { count } from '../compile/sections.js';
import { UnreadableExport } from './conversation.js';

/** More is likely to be something else, and would not fit into the memory of a page. */
const MOST_MB = 300;
const MB = 1024 * 1024;

/** A file that is being read or, with a `fault`, could not be; it goes on, and is told of, behind another view. */
export interface Reading {
  readonly name: string;
  /** How much of it is read, 0 to 1. */
  readonly part: number;
  readonly fault?: string;
  /** Files that were dropped with it: one is read at a time. */
  readonly notTaken: readonly string[];
  /** Ends it, for whoever signs out. */
  close(): void;
}

export function isUnderWay(reading: Reading | undefined): boolean {
  return reading !== undefined && reading.fault === undefined;
}

/** @throws UnreadableExport for a file that is more than a page can read */
export function checkSize({ size }: Blob): void {
  if (size > MOST_MB * MB)
    throw new UnreadableExport(
      `It has ${count(Math.ceil(size / MB))} MB; ${MOST_MB} are possible. Split it.`,
    );
}
