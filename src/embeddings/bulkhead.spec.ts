import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { setImmediate as settled } from 'node:timers/promises';
import { Bulkhead } from './bulkhead.js';

interface Asking {
  readonly party: string;
  state: 'waiting' | 'running' | 'refused' | 'over';
  finish: () => void;
}

const PARTIES = ['a', 'b', 'c', 'd'];
const steps = fc.array(
  fc.oneof(fc.record({ asks: fc.constantFrom('a', 'a', 'a', ...PARTIES) }), fc.record({ ends: fc.nat() })),
  { maxLength: 60 },
);

it('keeps its bounds, leaves no place empty, and gives each to the party that has the fewest', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), fc.nat(6), async (taken, atOnce, room) => {
      const bulkhead = new Bulkhead({ atOnce, waiting: room, waitMs: 600_000 });
      const all: Asking[] = [];
      const of = (state: Asking['state'], party?: string): Asking[] =>
        all.filter((one) => one.state === state && (party === undefined || one.party === party));
      const ask = (party: string): void => {
        const one: Asking = { party, state: 'waiting', finish: () => undefined };
        all.push(one);
        bulkhead
          .run(() => {
            one.state = 'running';
            return new Promise<void>((resolve) => (one.finish = resolve));
          }, party)
          .then(
            () => (one.state = 'over'),
            () => (one.state = 'refused'),
          );
      };
      const end = async (one: Asking): Promise<void> => {
        const others = of('running').filter((other) => other !== one);
        const has = (party: string): number => others.filter((other) => other.party === party).length;
        const waiting = of('waiting');
        const fewest = Math.min(...waiting.map(({ party }) => has(party)));
        one.finish();
        await settled();
        const entered = waiting.filter(({ state }) => state === 'running');
        expect(entered).toHaveLength(Math.min(1, waiting.length));
        for (const next of entered) {
          expect(has(next.party)).toBe(fewest);
          // Of its own party, nobody has waited longer.
          expect(waiting.find(({ party }) => party === next.party)).toBe(next);
        }
      };
      for (const step of taken) {
        if ('asks' in step) {
          const isFull = of('running').length === atOnce && of('waiting').length === room;
          const held = new Map(PARTIES.map((party) => [party, of('waiting', party).length]));
          const refused = of('refused');
          ask(step.asks);
          await settled();
          const now = of('refused').filter((one) => !refused.includes(one));
          expect(now).toHaveLength(isFull ? 1 : 0);
          for (const one of now) {
            const mine = held.get(step.asks) ?? 0;
            const most = Math.max(...held.values());
            // Whoever asks is refused, unless another party has more in line by two; then it is the newest of that.
            expect(one === all.at(-1)).toBe(most <= mine + 1);
            if (one === all.at(-1)) continue;
            expect(held.get(one.party)).toBe(most);
            expect(of('waiting', one.party).every((other) => all.indexOf(other) < all.indexOf(one))).toBe(
              true,
            );
          }
        } else if (of('running').length > 0)
          await end(of('running')[step.ends % of('running').length] as Asking);
        expect([bulkhead.running, bulkhead.waiting]).toEqual([of('running').length, of('waiting').length]);
        expect(bulkhead.running).toBe(Math.min(atOnce, of('running').length + of('waiting').length));
        expect(bulkhead.waiting).toBeLessThanOrEqual(room);
      }
      while (of('running').length > 0) await end(of('running')[0] as Asking);
      expect([bulkhead.running, bulkhead.waiting]).toEqual([0, 0]);
    }),
    { numRuns: 500 },
  );
});
