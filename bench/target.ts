import { factor } from './report.js';

/** A line that says of a target what was measured, and whether that meets it. */
export function atMost(what: string, figure: number, limit: number, unit = ' ×'): string {
  return line(`${what} ≤ ${limit}${unit}`, figure, figure <= limit);
}

export function atLeast(what: string, figure: number, limit: number, unit = ' ×'): string {
  return line(`${what} ≥ ${limit}${unit}`, figure, figure >= limit);
}

/** What was not measured meets nothing: a comparison with NaN is false. */
function line(target: string, figure: number, met: boolean): string {
  return `Target: ${target}: ${factor(figure)}, ${met ? 'met' : 'NOT MET'}.`;
}
