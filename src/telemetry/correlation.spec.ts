import { describe, expect, it } from '@jest/globals';
import { correlation, inRequest, traceIdOf } from './correlation.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

describe('by what a line of the log is found', () => {
  it('is the request and the trace that it names, also after waiting', async () => {
    expect(correlation()).toEqual({});
    await inRequest({ requestId: 'one', traceId: TRACE }, async () => {
      await new Promise(setImmediate);
      expect(correlation()).toEqual({ requestId: 'one', traceId: TRACE });
    });
  });

  it.each([
    [`00-${TRACE}-b7ad6b7169203331-01`, TRACE],
    // Of a later version, which may say more.
    [`cc-${TRACE}-b7ad6b7169203331-01-what-comes`, TRACE],
    [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, undefined],
    [`00-${TRACE.toUpperCase()}-b7ad6b7169203331-01`, undefined],
    [`00-${TRACE}-b7ad6b7169203331`, undefined],
    [`00-${TRACE}x-b7ad6b7169203331-01`, undefined],
    [[`00-${TRACE}-b7ad6b7169203331-01`], undefined],
    [undefined, undefined],
  ])('takes the trace of %j', (traceparent, traceId) => {
    expect(traceIdOf(traceparent)).toBe(traceId);
  });
});
