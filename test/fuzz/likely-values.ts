import fc from 'fast-check';
import { knownValue } from './known-values.js';

const text = fc.oneof(fc.lorem({ maxCount: 8 }), fc.constantFrom('🧳', '<|endoftext|>', 'window seat'));
const CALL = { id: 'call-1', type: 'function', function: { name: 'track', arguments: '{"parcel":"4711"}' } };

/**
 * Values that follow rules which random ones seldom do, by the name of their schema. They only make success more likely:
 * whether a request is as the document asks for is judged by the document alone.
 */
const LIKELY: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  NewMessage: fc.oneof(
    fc.record({ role: fc.constantFrom('system', 'user', 'assistant', 'developer'), content: text }),
    fc.record({ role: fc.constant('user'), content: text, name: fc.constant('Ada'), 'x-own': text }),
    fc.record({
      role: fc.constant('user'),
      content: fc.array(fc.record({ type: fc.constant('text'), text })),
    }),
    fc.record({
      role: fc.constant('assistant'),
      content: fc.constant(null),
      tool_calls: fc.constant([CALL]),
    }),
    fc.record({ role: fc.constant('tool'), content: text, tool_call_id: fc.constant('call-1') }),
  ),
  MemoryFilter: fc.constantFrom<unknown>(
    {},
    { agentId: { in: ['travel', 'support'] } },
    { 'metadata.kind': { ne: 'fact' }, seq: { exists: false } },
    { not: { occurredAt: { gte: '2026-05-01', lt: '2026-06-01' } } },
    { or: [{ speaker: 'Ada' }, { and: [{ role: { nin: ['tool'] } }, { createdAt: { gt: '2020-01-01' } }] }] },
  ),
  MemorySource: fc.record(
    {
      threadId: knownValue('threadId') ?? fc.constant('trip'),
      seq: fc.nat({ max: 20 }),
      speaker: fc.constant('Ada'),
      role: fc.constant('user'),
      occurredAt: fc.constantFrom('2026-05-08', '2026-05-08T13:56:00Z'),
    },
    { requiredKeys: [] },
  ),
};

export function likelyValue(reference: string): fc.Arbitrary<unknown> | undefined {
  return LIKELY[reference.split('/').at(-1) ?? ''];
}
