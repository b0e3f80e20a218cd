import { InvalidInputError } from '../errors.js';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const LONGEST_S = 3_650 * 86_400;

/**
 * Reads `90d`, `24h`, `30m` or `10s`.
 * @returns whole seconds, at most ten years
 * @throws InvalidInputError for any other text
 */
export function secondsOf(duration: string, field: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(duration) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? NaN);
  if (!(seconds <= LONGEST_S))
    throw new InvalidInputError([{ field, message: 'must be such as 10s, 30m, 24h or 90d, at most 3650d' }]);
  return seconds;
}
