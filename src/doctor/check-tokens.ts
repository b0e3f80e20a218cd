import type { TriptychOptions } from '../config/options.js';
import { countingWith } from '../tokens/model-counting.js';
import { TokenCounters } from '../tokens/token-counters.js';
import { failure, ok, type Result } from './finding.js';

/** Whether tokens can be counted as the settings say. */
export function checkTokens(options: TriptychOptions): Result {
  try {
    const counters = new TokenCounters(options);
    const tokens = counters.default.count('The quick brown fox jumps over the lazy dog.');
    const { encoding, safetyFactor } = countingWith(options.budget);
    const factor = safetyFactor === 1 ? '' : `, times ${safetyFactor} for ${options.budget.model ?? ''}`;
    return tokens > 0
      ? ok(`counted by ${encoding}${factor}`)
      : failure('it counts nothing', 'Reinstall tiktoken.');
  } catch (error) {
    return failure(error, 'Set another TOKEN_ENCODING or TOKEN_MODEL.');
  }
}
