import { expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SearchOptions } from '../src/memory/memory-query.js';
import type { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import { describeOnEachEngine } from './support/engines.js';
import { RecallTenant } from './support/recall-tenant.js';

const MODES = ['hybrid', 'lexical', 'semantic'] as const;

describeOnEachEngine('a search as of a moment', (createDatabase) => {
  const tenant = RecallTenant.forEachTest(createDatabase);
  const store = tenant.store.bind(tenant);
  const find = tenant.find.bind(tenant);
  const as = tenant.as.bind(tenant);
  /** A moment of which no revision begins or ends. */
  const moment = async (): Promise<string> => {
    await sleep(3);
    const at = new Date().toISOString();
    await sleep(3);
    return at;
  };

  it('finds what a memory said then, by a word that nothing says any more', async () => {
    const before = await moment();
    const first = await store('Ada lives in Lisbon.', { source: { speaker: 'Ada' } });
    await store('Grace grows lemons.');
    const then = await moment();
    const second = await as(() => tenant.memory.update(first.memoryId, { content: 'Ada lives in Porto.' }));
    for (const mode of MODES) {
      const [found] = await as(() => tenant.memory.search('Lisbon', { asOf: then, mode }));
      expect(found?.memory).toEqual(first);
      expect(await find('Ada lives where?', { asOf: then, mode, limit: 1 })).toEqual([first.content]);
      expect(await find('Ada lives where?', { mode, limit: 1 })).toEqual([second.content]);
      expect(await find('Lisbon', { asOf: before, mode })).toEqual([]);
    }
    expect(await find('Lisbon', { mode: 'lexical' })).toEqual([]);
    expect(await find('Lisbn', { asOf: then, mode: 'lexical' })).toEqual([first.content]);
    const now = await moment();
    expect(await find('Porto', { asOf: now, mode: 'lexical' })).toEqual([second.content]);
  });

  it('restricts what was then by what was true of it then', async () => {
    const { memoryId } = await store('The red key.', { metadata: { room: 1 }, source: { speaker: 'Ada' } });
    const then = await moment();
    await as(() => tenant.memory.update(memoryId, { metadata: { room: 2 }, source: { speaker: 'Grace' } }));
    const now = await moment();
    const rooms = async (asOf: string, filter: SearchOptions['filter']): Promise<number> =>
      (await find('key', { asOf, ...(filter && { filter }) })).length;
    expect(await rooms(then, { 'metadata.room': 1, speaker: 'Ada' })).toBe(1);
    expect(await rooms(then, { 'metadata.room': 2 })).toBe(0);
    expect(await rooms(now, { 'metadata.room': 2, speaker: 'Grace' })).toBe(1);
    expect(await rooms(now, { 'metadata.room': 1 })).toBe(0);
    expect(await find('key', { asOf: then, agentId: 'b' })).toEqual([]);
    expect(await find('key', { asOf: then, agentId: 'a' })).toEqual(['The red key.']);
  });

  it('looks at the neighbours that a turn had then', async () => {
    const turn = (seq: number, content: string): Promise<MemoryEntry> =>
      store(content, { source: { threadId: 't', seq, speaker: seq % 2 ? 'Ada' : 'Grace' } });
    await turn(1, 'Which boat did you take?');
    const answer = await turn(2, 'The yellow one.');
    const then = await moment();
    await as(() => tenant.memory.update(answer.memoryId, { metadata: { checked: true } }));
    await as(async () => {
      for (const { memoryId } of (await tenant.memory.list()).memories)
        await tenant.memory.update(memoryId, { metadata: { seen: true } });
    });
    expect(await find('which boat', { asOf: then, mode: 'lexical' })).toEqual([
      'Which boat did you take?',
      'The yellow one.',
    ]);
  });

  it('agrees at every moment with a record of what was done', async () => {
    let seed = 20_261_121;
    const below = (bound: number): number => (seed = (seed * 48_271) % 2_147_483_647) % bound;
    const words = ['amber', 'birch', 'cedar', 'dahlia', 'elder', 'fern', 'ginger', 'hazel'];
    const pick = (): string => words[below(words.length)] ?? '';
    const present = new Map<string, { content: string; isShown: boolean }>();
    const past: { at: string; ids: Map<string, Set<string>> }[] = [];
    for (let step = 0; step < 40; step += 1) {
      const ids = [...present.keys()];
      const memoryId = ids[below(ids.length || 1)] ?? '';
      const state = present.get(memoryId);
      const content = `${pick()} ${pick()}`;
      const kind = below(5);
      if (!state || kind === 0) {
        const entry = await store(content);
        present.set(entry.memoryId, { content, isShown: true });
      } else if (kind === 1) {
        await as(() => tenant.memory.update(memoryId, { content }));
        present.set(memoryId, { ...state, content });
      } else if (kind === 2) {
        await as(() => tenant.memory.update(memoryId, { metadata: { step } }));
      } else if (kind === 3) {
        await as(() => tenant.memory.update(memoryId, { retracted: state.isShown }));
        present.set(memoryId, { ...state, isShown: !state.isShown });
      } else if (below(4) === 0) {
        await as(() => tenant.memory.delete(memoryId));
        present.delete(memoryId);
      }
      const shown = [...present].filter(([, { isShown }]) => isShown);
      past.push({
        at: await moment(),
        ids: new Map(
          words.map((word) => [
            word,
            new Set(shown.filter(([, entry]) => entry.content.includes(word)).map(([id]) => id)),
          ]),
        ),
      });
    }
    let compared = 0;
    for (const { at, ids } of past)
      for (const word of words) {
        const found = await as(() => tenant.memory.search(word, { asOf: at, mode: 'lexical', limit: 100 }));
        const expected = [...(ids.get(word) ?? [])].filter((id) => present.has(id));
        expect(found.map((each) => each.memory.memoryId).sort()).toEqual(expected.sort());
        compared += expected.length;
      }
    expect(compared).toBeGreaterThan(100);
  });
});
