import { describe, expect, it } from '@jest/globals';
import { Embedder } from '../embeddings/embedder.js';
import { EmbeddingsUnavailableError, InvalidEmbeddingError } from '../errors.js';
import { embedEach } from './embedding-rounds.js';

/** Fails as it is told to, by the texts of a request. */
class TestEmbedder extends Embedder {
  readonly model = 'test';
  readonly dimensions = 8;
  requests = 0;

  constructor(private readonly failure: (texts: readonly string[], request: number) => Error | undefined) {
    super();
  }

  embed(texts: readonly string[]): Promise<number[][]> {
    const failure = this.failure(texts, (this.requests += 1));
    return failure ? Promise.reject(failure) : Promise.resolve(texts.map(() => [1, 0, 0, 0, 0, 0, 0, 0]));
  }
}

const REFUSED = new EmbeddingsUnavailableError('status 400, it refused the request', { isOfContent: true });
const memories = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    memoryId: `m${i}`,
    agentId: 'a',
    content: `text ${i}.`,
    source: null,
  }));
const ready = (): Promise<void> => Promise.resolve();

describe('embedEach', () => {
  it('asks once where nothing is wrong', async () => {
    const embedder = new TestEmbedder(() => undefined);
    const round = await embedEach(embedder, memories(256), ready);
    expect({ ...round, vectors: round.vectors.size }).toEqual({ vectors: 256, refused: [], left: [] });
    expect(embedder.requests).toBe(1);
  });

  it.each([REFUSED, new InvalidEmbeddingError('vector 0 has the norm 0')])(
    'finds the one that is wrong by halves: %s',
    async (error) => {
      const embedder = new TestEmbedder((texts) => (texts.includes('text 77.') ? error : undefined));
      const round = await embedEach(embedder, memories(256), ready);
      expect(round.vectors.size).toBe(255);
      expect(round.vectors.has('m77')).toBe(false);
      expect(round.refused).toEqual([{ memoryId: 'm77', reason: expect.any(String) }]);
      expect(round.left).toEqual([]);
      // 256, and two of each halving.
      expect(embedder.requests).toBe(17);
    },
  );

  it.each([new EmbeddingsUnavailableError('status 503'), new TypeError('fetch failed')])(
    'ends where the provider is away, and counts nothing: %s',
    async (error) => {
      // The second half of what was refused together.
      const embedder = new TestEmbedder((_texts, request) => [REFUSED, undefined, error][request - 1]);
      const round = await embedEach(embedder, memories(100), ready);
      expect({ embedded: round.vectors.size, refused: round.refused, away: round.away }).toEqual({
        ...{ embedded: 50, refused: [], away: error },
      });
      expect(round.left.map(({ memoryId }) => memoryId)).toEqual(
        memories(100)
          .slice(50)
          .map(({ memoryId }) => memoryId),
      );
      expect(embedder.requests).toBe(3);
    },
  );

  it('takes a provider that refuses whatever it is sent for one that is wrong, after a few', async () => {
    const embedder = new TestEmbedder(() => REFUSED);
    const round = await embedEach(embedder, memories(256), ready);
    expect(round.refused).toHaveLength(8);
    expect(round.left).toHaveLength(248);
    expect(round.away).toBe(REFUSED);
    expect(embedder.requests).toBeLessThan(32);
  });

  it('ends with what it is told before a request', async () => {
    const embedder = new TestEmbedder(() => undefined);
    await expect(
      embedEach(embedder, memories(1), () => Promise.reject(new Error('stopping'))),
    ).rejects.toThrow('stopping');
    expect(embedder.requests).toBe(0);
  });
});
