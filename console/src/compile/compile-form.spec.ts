import { describe, expect, it } from '@jest/globals';
import { EMPTY_FORM, formProblems, isMoreUsed, requestOf } from './compile-form.js';

describe('the memory limit of a compile', () => {
  it.each([
    ['0', 0],
    ['10', 10],
    [' 250 ', 250],
    ['1,000', 1_000],
    ['1000', 1_000],
  ])('typed as "%s" is %d', (memoryLimit, expected) => {
    const form = { ...EMPTY_FORM, memoryLimit };
    expect(formProblems(form).memoryLimit).toBeUndefined();
    expect(requestOf(form).memoryLimit).toBe(expected);
  });

  it.each(['', '1001', '1,001', '1,00', ',5', '-1', '2.5', '1e2', 'ten'])('is not "%s"', (memoryLimit) => {
    expect(formProblems({ ...EMPTY_FORM, memoryLimit }).memoryLimit).toBe('A whole number from 0 to 1,000.');
  });
});

describe('More settings', () => {
  it('is open where one of them is not as at first', () => {
    expect(isMoreUsed(EMPTY_FORM)).toBe(false);
    expect(isMoreUsed({ ...EMPTY_FORM, task: 'Say where it is.', modelTier: 'large' })).toBe(false);
    for (const change of [{ format: 'langchain' as const }, { memoryLimit: '11' }, { agentId: 'guide' }])
      expect(isMoreUsed({ ...EMPTY_FORM, ...change })).toBe(true);
  });
});
