import { InvalidArgumentError } from 'commander';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const LONGEST_S = 3_650 * 86_400;

/**
 * Reads `90d`, `24h`, `30m` or `10s`.
 * @returns whole seconds, at most ten years
 * @throws InvalidArgumentError for any other text
 */
export function durationOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? NaN);
  if (!(seconds <= LONGEST_S))
    throw new InvalidArgumentError('It must be such as 10s, 30m, 24h or 90d, at most 3650d.');
  return seconds;
}
