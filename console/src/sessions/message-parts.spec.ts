import { describe, expect, it } from '@jest/globals';
import { assert, json, property } from 'fast-check';
import { readable } from './message-parts.js';

describe('readable', () => {
  it('brings JSON into lines as JSON.stringify would', () => {
    assert(
      property(json(), (text) => {
        const value: unknown = JSON.parse(text);
        expect(readable(text)).toBe(JSON.stringify(value, null, 2));
        expect(readable(JSON.stringify(value, null, '\t'))).toBe(JSON.stringify(value, null, 2));
      }),
    );
  });

  it('leaves every number as it is written', () => {
    const numbers = ['1234567890123456789', '0.10', '-0', '1E400', '1e-2'];
    expect(readable(`{"id":${numbers.join(',"id":')}}`)).toBe(
      `{\n${numbers.map((number) => `  "id": ${number}`).join(',\n')}\n}`,
    );
  });

  it('leaves a text that is no JSON as it is', () => {
    for (const text of ['', '{"a": ', 'found {"id": 1}', '[1,]']) expect(readable(text)).toBe(text);
  });
});
