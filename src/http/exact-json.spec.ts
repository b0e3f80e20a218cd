import { describe, expect, it } from '@jest/globals';
import fastify from 'fastify';
import fc from 'fast-check';
import { InvalidInputError } from '../errors.js';
import { isExact, readExactJson, requireExact } from './exact-json.js';

const check = (text: string): void => {
  requireExact(text, JSON.parse(text));
};

describe('a number in JSON', () => {
  it.each([
    ...['0', '-0', '0.0', '0e9', '1', '1.0', '100', '1e3', '1E+3', '1.50e-7', '-12.5', '9007199254740992'],
    ...['0.1', '0.30000000000000004', '5e-324', '1.7976931348623157e308', '1.7976931348623157E+308'],
    ...['12345678901234567000', '100000000000000000000000', '0.000000000000000000001', '1e23'],
  ])('%s is kept', (number) => {
    expect(isExact(number)).toBe(true);
    check(`{"a":[${number}]}`);
    check(` ${number} `);
  });

  it.each([
    ...['12345678901234567890', '9007199254740993', '-9007199254740993', '0.1234567890123456789012'],
    ...['1e400', '-1e400', '1e-400', '3e-324', '0.30000000000000004440', '1234567.12345678901'],
    '1e99999999999999999999',
  ])('%s is refused, by its name', (number) => {
    expect(isExact(number)).toBe(false);
    for (const text of [number, `[1,${number}]`, `{"a": {"b" : ${number} } }`, `["1e3",2,"\\"",${number}]`])
      expect(() => {
        check(text);
      }).toThrow(number);
    check(JSON.stringify({ a: number, b: `"${number}` }));
  });

  it('is refused however many zeros it has, in time that is linear in them', () => {
    // In quadratic time this took minutes, which the time limit of a test does not allow.
    expect(isExact(`0.1${'0'.repeat(1_000_000)}1`)).toBe(false);
    expect(isExact(`0.1${'0'.repeat(1_000_000)}`)).toBe(true);
  });

  it('is kept whenever JavaScript wrote it', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
        check(text);
        check(JSON.stringify(JSON.parse(text), null, 1));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is kept or refused as arithmetic on its digits says', () => {
    const digits = fc.array(fc.constantFrom(...'0123456789'.split('')), { minLength: 1, maxLength: 25 });
    fc.assert(
      fc.property(digits, digits, fc.integer({ min: -30, max: 30 }), (whole, fraction, exponent) => {
        const number = `${BigInt(whole.join(''))}.${fraction.join('')}e${exponent}`;
        expect(isExact(number)).toBe(isSameDecimal(number, String(Number(number))));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** By whole numbers: both scaled by the same power of ten. */
function isSameDecimal(one: string, other: string): boolean {
  const scaled = (text: string): bigint => {
    const [mantissa = '', exponent = '0'] = text.split('e');
    const [whole = '', fraction = ''] = mantissa.split('.');
    return BigInt(whole + fraction) * 10n ** BigInt(200 + Number(exponent) - fraction.length);
  };
  return scaled(one) === scaled(other);
}

describe('a key in JSON', () => {
  it.each(['{"a":1,"a":1}', '[{"b":{"x":[],"é":2 , "\\u00e9" :3}}]', '{"a":{"a":1},"b":0,"a":{"c":"{"}}'])(
    'is refused the second time: %s',
    (text) => {
      expect(() => {
        check(text);
      }).toThrow(InvalidInputError);
      expect(() => {
        check(text);
      }).toThrow(/names the key [aé] twice/);
    },
  );

  it('may stand in two objects, and in texts', () => {
    check('{"a":{"a":[{"a":1},{"a":"a"}]},"b":"\\"a\\":1,\\\\","c":"{\\"a\\":1,\\"a\\":2}"}');
  });
});

describe('a body', () => {
  const server = fastify();
  readExactJson(server);
  server.post('/', (request, reply) => reply.send({ read: JSON.stringify(request.body) }));
  const post = async (payload: string): Promise<[number, unknown]> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await server.inject({ method: 'POST', url: '/', headers, payload });
    const { code, read } = answer.json<{ code?: string; read?: string }>();
    return [answer.statusCode, read ?? code];
  };
  /** Makes V8 misread `key` behind `first`, while the result is held (https://github.com/nodejs/node/issues/63785). */
  const mislead = (first: string, key: string, written = JSON.stringify(key)): unknown =>
    JSON.parse(JSON.stringify({ [first]: 1, [written.slice(1, 1 + key.length)]: 0 }));

  it.each(['"', '\n', '\u0001', 'x"', 'C:\\new'])(
    'is read with its key %j, whatever was read before',
    async (key) => {
      const before = mislead(`behind ${key}`, key);
      const body = JSON.stringify({ [`behind ${key}`]: 1, [key]: { 'x\\': [{ [key]: 2 }] } });
      expect(await post(body)).toEqual([200, body]);
      expect(before).toBeDefined();
    },
  );

  it.each([
    ['{"a":[{"__proto__":1}]}', 'FST_ERR_CTP_INVALID_JSON_BODY'],
    ['{"c":1,"\\u005f_proto__":{"\\n":1}}', 'FST_ERR_CTP_INVALID_JSON_BODY'],
    ['{"\\n":{"c\\u006fnstructor":{"pr\\u006ftotype":1}}}', 'FST_ERR_CTP_INVALID_JSON_BODY'],
    ['{"\\n":1,}', 'FST_ERR_CTP_INVALID_JSON_BODY'],
    ['{"\\x":1}', 'FST_ERR_CTP_INVALID_JSON_BODY'],
    ['', 'FST_ERR_CTP_EMPTY_JSON_BODY'],
    ['{"\\n":1,"a":[{"\\n":1,"\\u000a":2}]}', 'invalid_input'],
    ['{"\\u0061":1,"a":2}', 'invalid_input'],
    ['{"\\n":12345678901234567890}', 'invalid_input'],
  ])('is refused: %s', async (body, code) => {
    const before = mislead('c', '__proto__', String.raw`"\u005f_proto__"`);
    expect(await post(body)).toEqual([400, code]);
    expect(before).toBeDefined();
  });
});
