import { describe, expect, it } from '@jest/globals';
import { Embedder } from '../embeddings/embedder.js';
import type { RequestLimit } from '../embeddings/request-limit.js';
import { EmbeddingsUnavailableError, InvalidEmbeddingError } from '../errors.js';
import { embedEach } from './embedding-rounds.js';
import { PROBE_TEXT, ProviderProbe } from '../embeddings/provider-probe.js';

/** Fails as it is told to, by the texts of a request. */
class TestEmbedder extends Embedder {
  readonly model = 'test';
  readonly dimensions = 8;
  readonly asked: (readonly string[])[] = [];

  constructor(
    private readonly failure: (texts: readonly string[], request: number) => Error | undefined,
    override readonly requestLimit?: RequestLimit,
  ) {
    super();
  }

  get requests(): number {
    return this.asked.length;
  }

  embed(texts: readonly string[]): Promise<number[][]> {
    const failure = this.failure(texts, this.asked.push(texts));
    return failure ? Promise.reject(failure) : Promise.resolve(texts.map(() => [1, 0, 0, 0, 0, 0, 0, 0]));
  }
}

const REFUSED = new EmbeddingsUnavailableError('status 400, it refused the request', { isOfContent: true });
const CHOKED = new EmbeddingsUnavailableError('status 500, it failed', { mayBeOfContent: true });
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

  it('keeps what the requests before brought when a quota is used up, and gets ready before each', async () => {
    const quota = new EmbeddingsUnavailableError('status 429', { retryAfter: 60 });
    const embedder = new TestEmbedder((_, request) => (request === 3 ? quota : undefined), {
      texts: 100,
      length: 100_000,
    });
    let ready = 0;
    const round = await embedEach(embedder, memories(256), () => {
      ready += 1;
      return Promise.resolve();
    });
    expect([...round.vectors.keys()]).toEqual(memories(200).map(({ memoryId }) => memoryId));
    expect(round.left.map(({ memoryId }) => memoryId)).toEqual(
      memories(256)
        .slice(200)
        .map((each) => each.memoryId),
    );
    expect(round.away).toBe(quota);
    expect(ready).toBe(3);
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

  it.each([new EmbeddingsUnavailableError('status 429'), CHOKED, new TypeError('fetch failed')])(
    'ends where the provider is away, and counts nothing: %s',
    async (error) => {
      // From the second half of what was refused together on.
      const embedder = new TestEmbedder((_texts, request) => [REFUSED, undefined, error, error][request - 1]);
      const probe = new ProviderProbe(embedder);
      const round = await embedEach(embedder, memories(100), ready, probe);
      expect({ embedded: round.vectors.size, refused: round.refused, away: round.away }).toEqual({
        ...{ embedded: 50, refused: [], away: error },
      });
      expect(round.left.map(({ memoryId }) => memoryId)).toEqual(
        memories(100)
          .slice(50)
          .map(({ memoryId }) => memoryId),
      );
      // Whether it is away is asked where that is not certain, and then there is one more.
      expect(embedder.asked.slice(3)).toEqual(probe.isDoubted ? [[PROBE_TEXT]] : []);
      expect(probe.isDoubted).toBe(!(error instanceof EmbeddingsUnavailableError) || error.mayBeOfContent);
    },
  );

  it('asks a provider that did not answer for no memory until it does', async () => {
    let error: Error | undefined = CHOKED;
    const embedder = new TestEmbedder(() => error);
    const probe = new ProviderProbe(embedder);
    for (let look = 0; look < 3; look += 1) {
      const round = await embedEach(embedder, memories(256), ready, probe);
      expect(round.left).toHaveLength(256);
    }
    expect(embedder.asked.map(([text]) => text)).toEqual(['text 0.', ...Array<string>(3).fill(PROBE_TEXT)]);
    error = undefined;
    expect((await embedEach(embedder, memories(256), ready, probe)).vectors.size).toBe(256);
    expect((await embedEach(embedder, memories(256), ready, probe)).vectors.size).toBe(256);
    expect(embedder.asked.slice(4).map(([text]) => text)).toEqual([PROBE_TEXT, 'text 0.', 'text 0.']);
  });

  it.each([CHOKED, new TypeError('of a driver')])(
    'finds the one for which the provider fails as if it were away: %s',
    async (error) => {
      const embedder = new TestEmbedder((texts) => (texts.includes('text 77.') ? error : undefined));
      const round = await embedEach(embedder, memories(256), ready);
      expect(round.vectors.size).toBe(255);
      expect(round.refused).toEqual([{ memoryId: 'm77', reason: expect.any(String) }]);
      expect(round.left).toEqual([]);
      // Nine that fail, after each of which it is asked whether it is there, and eight other halves.
      expect(embedder.requests).toBe(26);
      // It opens no breaker.
      const failed = embedder.asked.map((texts) => texts.includes('text 77.'));
      expect(failed.some((isFailure, i) => isFailure && failed[i + 1])).toBe(false);
    },
  );

  it('gives back what is left of a provider that fails for too much', async () => {
    const embedder = new TestEmbedder(([text]) => (text === PROBE_TEXT ? undefined : CHOKED));
    const round = await embedEach(embedder, memories(256), ready);
    expect(round.refused.length).toBeLessThan(8);
    expect(round.left.length).toBe(256 - round.refused.length);
    expect(embedder.requests).toBeLessThan(40);
  });

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
