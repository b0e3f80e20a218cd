import { describe, expect, it } from '@jest/globals';
import { BatchSize } from './batch-size.js';

describe('BatchSize', () => {
  it('is the most where that takes less than a second', () => {
    const size = new BatchSize(200);
    size.succeeded(200, 300);
    expect(size.value).toBe(200);
    size.succeeded(1, 0);
    expect(size.value).toBe(200);
  });

  it('is as many as take a second, but not fewer than 16 because a request takes long', () => {
    const size = new BatchSize(200);
    size.succeeded(200, 10_000);
    expect(size.value).toBe(20);
    size.succeeded(20, 100_000);
    expect(size.value).toBe(16);
    size.succeeded(16, 10);
    expect(size.value).toBe(32);
  });

  it('is a fourth of what failed, and no more for ten minutes', () => {
    let now = 0;
    const size = new BatchSize(200, () => now);
    size.failed(200);
    expect(size.value).toBe(50);
    size.succeeded(50, 1);
    expect(size.value).toBe(50);
    size.failed(3);
    expect(size.value).toBe(1);
    now = 599_999;
    size.succeeded(1, 1);
    expect(size.value).toBe(1);
    now = 600_000;
    size.succeeded(1, 1);
    expect(size.value).toBe(2);
  });

  it('grows again at once when it was not the number', () => {
    const size = new BatchSize(200);
    size.failed(4);
    size.forget();
    expect(size.value).toBe(1);
    size.succeeded(1, 1);
    size.succeeded(2, 1);
    expect(size.value).toBe(4);
  });
});
