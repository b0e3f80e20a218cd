import { describe, expect, it } from '@jest/globals';
import { entityTag, expectedVersionOf, isKnownVersion } from './entity-tag.js';

describe('entity tags', () => {
  it('reads back the version that it wrote', () => {
    expect(expectedVersionOf(entityTag(17))).toBe(17);
    expect(expectedVersionOf(undefined)).toBeUndefined();
  });

  it.each(['3', 'W/"3"', '"3", "4"', '*', '"x"', '', '"-1"', '"99999999999"'])(
    'refuses If-Match: %s',
    (header) => {
      expect(() => expectedVersionOf(header)).toThrow('must be one ETag');
    },
  );

  it.each([
    ['"3"', true],
    ['W/"3"', true],
    ['"1", "3"', true],
    ['*', true],
    ['"4"', false],
    [undefined, false],
  ])('compares If-None-Match: %s with version 3: %s', (header, known) => {
    expect(isKnownVersion(header, 3)).toBe(known);
  });
});
