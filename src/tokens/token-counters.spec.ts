import { describe, expect, it } from '@jest/globals';
import { checkOptions } from '../config/load-options.js';
import { StartupError } from '../errors.js';
import { TokenCounters } from './token-counters.js';

const countersOf = (budget: { encoding?: string; model?: string }): TokenCounters =>
  new TokenCounters(checkOptions({ budget }));

describe('TokenCounters', () => {
  it('counts by default in the encoding of the settings, or of their model', () => {
    expect(countersOf({}).default.encoding).toBe('cl100k_base');
    expect(countersOf({ encoding: 'p50k_base' }).default.encoding).toBe('p50k_base');
    expect(countersOf({ model: 'openai/gpt-4o' }).default.encoding).toBe('o200k_base');
    expect(countersOf({ model: 'gpt-4o', encoding: 'gpt2' }).default.encoding).toBe('gpt2');
  });

  it('makes each counter once, for the whole process', () => {
    const counters = countersOf({});
    expect(counters.of('o200k_base')).toBe(counters.of('o200k_base'));
    expect(counters.of('cl100k_base')).toBe(counters.default);
    expect(countersOf({ model: 'gpt-4o' }).default).toBe(counters.of('o200k_base'));
  });

  it('knows when there is no such encoding', () => {
    expect(() => countersOf({ encoding: 'cl100k' }).default).toThrow(StartupError);
    expect(() => countersOf({}).of('__proto__')).toThrow(StartupError);
  });
});
