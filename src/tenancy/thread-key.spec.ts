import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { threadKey, threadOf } from './thread-key.js';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ':', '1:', '4:acme:', 'acme', '1:a:b', ':::'),
);

it('gives two pairs the same key only if they are the same', () => {
  fc.assert(
    fc.property(text, text, text, text, (tenant, thread, otherTenant, otherThread) => {
      const same = tenant === otherTenant && thread === otherThread;
      expect(threadKey(tenant, thread) === threadKey(otherTenant, otherThread)).toBe(same);
    }),
    { numRuns: 20_000 },
  );
});

it('is undone for its own tenant, and for no other', () => {
  fc.assert(
    fc.property(text, text, text, (tenant, thread, other) => {
      expect(threadOf(tenant, threadKey(tenant, thread))).toBe(thread);
      if (other !== tenant) expect(threadOf(other, threadKey(tenant, thread))).toBeUndefined();
    }),
    { numRuns: 20_000 },
  );
});
