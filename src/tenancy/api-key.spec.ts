import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createApiKey, hashSecret, isSecret, parseApiKey, tenantOfKeyId } from './api-key.js';

const tenantIds = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const keys = tenantIds.map((tenantId) => createApiKey(tenantId));
/** Characters that a key may hold at some place, so that a typo is not refused for its form alone. */
const characters = fc.stringMatching(/^[0-9A-Za-z._-]$/);

describe('an API key', () => {
  it('reads back as the tenant, the id and the secret that it was made of, whatever the tenant is called', () => {
    fc.assert(
      fc.property(keys, ({ key, ...parts }) => {
        expect(parseApiKey(key)).toEqual(parts);
        expect(tenantOfKeyId(parts.keyId)).toBe(parts.tenantId);
      }),
    );
  });

  it('names no other tenant when the id of one continues that of another', () => {
    for (const tenantId of ['acme', 'acme.x', 'acme_x', 'triptych_acme', 'a.AAAAAAAAAAAA_b', 'acme-', '0'])
      expect(parseApiKey(createApiKey(tenantId).key)?.tenantId).toBe(tenantId);
  });

  it('is refused by its checksum after any one typo: another character, one missing, two swapped', () => {
    fc.assert(
      fc.property(keys, fc.nat(), characters, ({ key }, place, character) => {
        const at = place % key.length;
        const before = key.slice(0, at);
        const typos = [
          before + character + key.slice(at + 1),
          before + key.slice(at + 1),
          before +
            key
              .slice(at, at + 2)
              .split('')
              .reverse()
              .join('') +
            key.slice(at + 2),
          before + character + key.slice(at),
        ].filter((typo) => typo !== key);
        expect(typos.map(parseApiKey)).toEqual(typos.map(() => undefined));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['', 'triptych_', 'triptych_acme', 'x'.repeat(10_000), 'triptych_acme._0', ' '])(
    'is not %p',
    (text) => {
      expect(parseApiKey(text)).toBeUndefined();
    },
  );

  it('never repeats itself', () => {
    const made = Array.from({ length: 1_000 }, () => createApiKey('acme'));
    expect(new Set(made.map(({ secret }) => secret)).size).toBe(1_000);
    expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(1_000);
  });
});

describe('what is stored of a secret', () => {
  it('recognises it, holds nothing of it, and differs each time', () => {
    fc.assert(
      fc.property(keys, keys, ({ secret }, other) => {
        const stored = hashSecret(secret);
        expect(isSecret(secret, stored)).toBe(true);
        expect(isSecret(other.secret, stored)).toBe(false);
        expect(hashSecret(secret).hash.equals(stored.hash)).toBe(false);
        for (const encoding of ['latin1', 'hex', 'base64'] as const)
          for (const kept of [stored.salt, stored.hash])
            expect(kept.toString(encoding)).not.toContain(secret.slice(0, 8));
      }),
    );
  });

  it('is no match when it is of another length', () => {
    const { salt, hash } = hashSecret('secret');
    expect(isSecret('secret', { salt, hash: hash.subarray(0, 31) })).toBe(false);
  });
});
