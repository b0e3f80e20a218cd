// Over 200 lines: one contract for every driver, then the faults of a provider, each a row of a table.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { createEmbedder } from '../src/embeddings/create-embedder.js';
import { type Embedder, type QueryWeights } from '../src/embeddings/embedder.js';
import { LocalEmbedder } from '../src/embeddings/local-embedder.js';
import { OpenAIEmbedder, type OpenAIEmbedderOptions } from '../src/embeddings/openai-embedder.js';
import { wordsOf } from '../src/embeddings/text-features.js';
import {
  EmbeddingsUnavailableError,
  InvalidEmbeddingError,
  InvalidInputError,
  StartupError,
  type TriptychError,
} from '../src/errors.js';
import { type EmbeddingsFault, EmbeddingsServer } from './support/embeddings-server.js';

const DIMENSIONS = 256;
const KEY = 'sk-do-not-tell-0123456789';

let server: EmbeddingsServer;
beforeAll(async () => {
  server = await EmbeddingsServer.start({ dimensions: DIMENSIONS });
});
beforeEach(() => {
  server.requests.length = 0;
});
afterEach(() => {
  server.heal();
});
afterAll(() => server.close());

const drivers: [string, () => Embedder][] = [
  ['local', () => createEmbedder({ provider: 'local', model: 'any', dimensions: DIMENSIONS })],
  [
    'openai',
    () => createEmbedder({ provider: 'openai', baseUrl: server.url, model: 'any', dimensions: DIMENSIONS }),
  ],
];

describe.each(drivers)('every embedder: %s', (_name, create) => {
  let embedder: Embedder;
  beforeEach(() => {
    embedder = create();
  });

  it('gives one unit vector of its dimensions per text', async () => {
    const vectors = await embedder.embed(['tea', 'a cup of green tea', 'tea'], 'document');
    expect(vectors).toHaveLength(3);
    for (const vector of vectors) expectUnitVector(vector);
  });

  it('keeps the order, and gives the same text the same vector in any company', async () => {
    const texts = ['tea', 'coffee', 'a cup of green tea', 'the harbour at night'];
    const together = await embedder.embed(texts, 'document');
    const apart = await Promise.all(texts.map((text) => embedder.embed([text], 'document')));
    expect(together).toEqual(apart.flat());
  });

  it('gives nothing for nothing', async () => {
    await expect(embedder.embed([], 'query')).resolves.toEqual([]);
  });

  it('puts similar texts nearer than unrelated ones', async () => {
    const [question] = await embedder.embed(['Where do I walk my dogs?'], 'query');
    const [near, far] = await embedder.embed(
      ['She was walking the dog along the river.', 'Where do I pay the invoice?'],
      'document',
    );
    expect(cosine(question, near)).toBeGreaterThan(cosine(question, far));
  });

  it.each([
    ['Cyrillic', 'кошка спит на диване', 'кошки спят', 'поезд опоздал'],
    ['Arabic', 'القطة تنام على الأريكة', 'القطة نائمة', 'تأخر القطار'],
    ['Chinese, without spaces', '我的猫喜欢睡在沙发上', '猫在沙发上', '火车今天晚点了'],
    ['Chinese, by one character', '我的猫喜欢睡在沙发上', '猫', '车'],
    ['Japanese', '猫はソファで寝るのが好きです', '猫がソファで寝る', '電車が遅れた'],
    ['Thai', 'แมวชอบนอนบนโซฟา', 'แมวนอน', 'รถไฟมาช้า'],
    ['Korean', '고양이가 소파에서 잔다', '고양이는 소파', '기차가 늦었다'],
    ['full-width forms', 'ＡＢＣ ｔｅａ', 'abc tea', 'xyz milk'],
    ['punctuation alone', '?!?', '??', '...'],
    ['emoji', 'pizza tonight 🍕', '🍕', '🚂'],
  ])('tells texts apart in %s', async (_script, text, like, unlike) => {
    const [a, b, c] = await embedder.embed([text, like, unlike], 'document');
    expect(cosine(a, b)).toBeGreaterThan(cosine(a, c) + 0.05);
  });

  it('embeds texts without a word, and strings that are not well-formed', async () => {
    for (const vector of await embedder.embed(['!!!', '   ', '👍🏽', '\ud800', '\0'], 'document')) {
      expectUnitVector(vector);
    }
  });

  it('embeds long texts and long runs', async () => {
    const long = Array.from({ length: 15_000 }, (_, i) => `word${i}`).join(' ');
    const vectors = await embedder.embed([long, 'a'.repeat(1_000_000), '漢'.repeat(100_000)], 'document');
    for (const vector of vectors) expectUnitVector(vector);
  });
});

describe('the local embedder', () => {
  it('gives a unit vector for whatever text, however few the dimensions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary' }),
        fc.integer({ min: 1, max: 64 }),
        async (text, dimensions) => {
          const [vector] = await new LocalEmbedder(dimensions).embed([text]);
          expectUnitVector(vector, dimensions);
        },
      ),
      { numRuns: 500, examples: [['', 1536]] },
    );
  });

  it('never changes what a text is under one model name', async () => {
    const [vector] = await new LocalEmbedder(16).embed(['Café 42, the café, the 漢字 🍕']);
    expect({
      model: new LocalEmbedder(16).model,
      vector: vector?.map((x) => Number(x.toFixed(3))),
    }).toMatchInlineSnapshot(`
     {
       "model": "triptych-local-2",
       "vector": [
         0.178,
         -0.446,
         0,
         0,
         0.446,
         0,
         0,
         0,
         0,
         0,
         0,
         0.223,
         -0.557,
         0.446,
         -0.111,
         0,
       ],
     }
    `);
  });

  describe('asked with what its words tell', () => {
    const embedder = new LocalEmbedder(1536);
    const texts = ['the harbour at night', 'a letter to the mayor', 'a lighthouse'];
    const similarities = async (query: string, weights: QueryWeights): Promise<number[]> => {
      const vector = await embedder.embedQuery(query, weights);
      expectUnitVector(vector, 1536);
      return (await embedder.embed(texts, 'document')).map((document) => cosine(vector, document));
    };

    it('looks for the words that tell most', async () => {
      const weighing = (known: string) =>
        similarities('harbour letter', { weightOf: (word) => (word === known ? 5 : 1) });
      const [harbour = 0, letter = 0] = await weighing('harbour');
      expect(harbour).toBeGreaterThan(2 * letter);
      const [other = 0, second = 0] = await weighing('letter');
      expect(second).toBeGreaterThan(2 * other);
    });

    it('looks for what stands in for a word that nobody has written', async () => {
      const query = 'qqqqhousez';
      const weights = { weightOf: (word: string) => (word === query ? 0.1 : 1) };
      const [, , without = 0] = await similarities(query, weights);
      const [, , corrected = 0] = await similarities(query, { ...weights, corrections: ['lighthouse'] });
      expect(corrected).toBeGreaterThan(without + 0.2);
    });

    it('asks what each word tells as the words of a text are told apart', async () => {
      const asked = new Set<string>();
      const weightOf = (word: string): number => {
        asked.add(word);
        return 1;
      };
      await embedder.embedQuery('My dog 我的狗 🍕', { weightOf, corrections: ['cat'] });
      expect([...asked].sort()).toEqual([...wordsOf('My dog 我的狗 🍕'), 'cat'].sort());
    });

    it('gives a unit vector for whatever finite weights, and none for others', async () => {
      const weight = fc.double({ min: 0, max: 1e9, noNaN: true });
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary' }), fc.func(weight), async (text, weightOf) => {
          expectUnitVector(await embedder.embedQuery(text, { weightOf }), 1536);
        }),
      );
      const broken = embedder.embedQuery('tea', { weightOf: () => NaN });
      await expect(broken).rejects.toThrow(InvalidEmbeddingError);
    });

    it('counts a word of a question once, and in a document ever less', async () => {
      const [once] = await embedder.embed(['tea'], 'query');
      const [both, twice] = await embedder.embed(['tea fog', 'tea fog tea'], 'query');
      expect(twice).toEqual(both);
      const [fog] = await embedder.embed(['fog'], 'query');
      const [document] = await embedder.embed([`${'tea '.repeat(8)}fog`], 'document');
      const times = cosine(once, document) / cosine(fog, document);
      expect(times).toBeGreaterThan(1.2);
      expect(times).toBeLessThan(2.5);
    });
  });

  it('finds a word through its inflections and a misspelling', async () => {
    const embedder = new LocalEmbedder(1536);
    const [said, inflected, misspelt, other] = await embedder.embed([
      'restaurants',
      'restaurant',
      'restaraunts',
      'orchestra',
    ]);
    expect(cosine(said, inflected)).toBeGreaterThan(0.5);
    expect(cosine(said, misspelt)).toBeGreaterThan(cosine(said, other) + 0.1);
  });
});

describe('the openai embedder', () => {
  it('sends what the options say and asks for floats, whatever the environment tells the client', async () => {
    const log = jest.spyOn(console, 'debug').mockReturnValue();
    await withEnvironment(
      {
        OPENAI_API_KEY: 'sk-environment',
        OPENAI_ADMIN_KEY: 'sk-admin',
        OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
        OPENAI_ORG_ID: 'org-environment',
        OPENAI_PROJECT_ID: 'proj-environment',
        OPENAI_LOG: 'debug',
        OPENAI_CUSTOM_HEADERS: 'Authorization: Bearer sk-custom\nX-Custom: yes',
      },
      async () => {
        await openai().embed(['tea']);
        expect(() => openai({ apiKey: undefined, baseURL: undefined })).toThrow(StartupError);
      },
    );
    expect(log).not.toHaveBeenCalled();
    log.mockRestore();
    const [request] = server.requests;
    expect(request?.body).toEqual({ model: 'some-model', input: ['tea'], encoding_format: 'float' });
    expect(request?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(Object.keys(request?.headers ?? {}).filter((name) => /^(openai|x)-/.test(name))).toEqual([]);
  });

  it.each([
    ['text-embedding-3-small', DIMENSIONS],
    ['openai/text-embedding-3-large', DIMENSIONS],
    ['text-embedding-ada-002', undefined],
    ['nomic-embed-text', undefined],
  ])('sends the dimensions only where they are understood: %s', async (model, dimensions) => {
    await openai({ model }).embed(['tea']);
    expect(server.requests[0]?.body.dimensions).toBe(dimensions);
  });

  it('needs no key for a server of one’s own', async () => {
    await expect(openai({ apiKey: undefined }).embed(['tea'])).resolves.toHaveLength(1);
  });

  it('keeps each request within the limits of count and length', async () => {
    const texts = [...Array.from({ length: 7 }, (_, i) => `tea ${i}`), 'x'.repeat(99_998), 'tea 7', 'tea 8'];
    const vectors = await openai({ batchSize: 3 }).embed(texts);
    expect(server.requests.map(({ body }) => body.input.length)).toEqual([3, 3, 1, 1, 2]);
    await expectServedInOrder(vectors, texts);
  });

  it('refuses an empty text before the provider does', async () => {
    await expect(openai().embed(['tea', ''])).rejects.toThrow(InvalidInputError);
    expect(server.requests).toEqual([]);
  });

  it('puts a shuffled answer in order by its indexes', async () => {
    const texts = ['tea', 'coffee', 'harbour'];
    server.fail('shuffled');
    await expectServedInOrder(await openai().embed(texts), texts);
  });

  it.each<[EmbeddingsFault, RegExp]>([
    ['wrong-count', /1 vectors for 2 texts/],
    ['surplus', /3 vectors for 2 texts/],
    ['repeated-index', /no vector has the index 1/],
    ['wrong-dimension', /255 dimensions, not 256: set EMBEDDING_DIMENSIONS=255 and migrate/],
    ['null-component', /no finite number at place 0/],
    ['infinite-component', /no finite number at place 0/],
    ['zero-vector', /vector 0 has the norm 0/],
    ['near-zero-vector', /vector 0 has the norm .*e-9/],
    ['always-base64', /vector 0 is not a list of numbers/],
    ['broken-json', /not JSON/],
    ['html', /no list named "data"/],
    ['no-data', /no list named "data"/],
    ['endless', /longer than 67108864 bytes/],
  ])('refuses the vectors of a server with the fault %j', async (fault, message) => {
    server.fail(fault);
    const error = await failureOf(openai().embed(['tea', 'coffee']));
    expect(error).toBeInstanceOf(InvalidEmbeddingError);
    expect(error.message).toMatch(message);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[EmbeddingsFault, RegExp, number]>([
    ['reset', /connection failed \((ECONNRESET|UND_ERR_SOCKET)\)/, 2],
    ['cut-midway', /connection failed/, 2],
    ['garbage', /connection failed/, 2],
    ['hang', /no whole answer within 2000 ms/, 1],
    ['hang-midway', /no whole answer within 2000 ms/, 1],
    [{ dripMs: 20 }, /no whole answer within 2000 ms/, 1],
    [{ delayMs: 5_000 }, /no whole answer within 2000 ms/, 1],
    [{ status: 500 }, /status 500/, 2],
    [{ status: 503, retryAfter: '0' }, /status 503/, 2],
    [{ status: 429, retryAfter: '0' }, /status 429.*rate limit/, 2],
    [{ status: 429, retryAfter: '3600' }, /status 429.*rate limit/, 1],
    [{ status: 429, retryAfter: 'Fri, 31 Dec 2100 23:59:59 GMT' }, /status 429/, 1],
    [{ status: 400 }, /status 400.*EMBEDDING_MODEL, EMBEDDING_DIMENSIONS/, 1],
    [{ status: 401 }, /status 401.*OPENAI_API_KEY/, 1],
    [{ status: 403 }, /status 403.*OPENAI_API_KEY and EMBEDDING_MODEL/, 1],
    [{ status: 404 }, /status 404.*OPENAI_BASE_URL/, 1],
    [{ status: 413 }, /status 413.*too large.*length of the texts/, 1],
    [{ status: 422 }, /status 422.*length of the texts/, 1],
  ])('says the provider is unavailable on the fault %j', async (fault, message, requests) => {
    server.fail(fault);
    // A deadline that is not what is tested must not end the second attempt on a busy machine.
    const timeoutMs = message.source.includes('within 2000 ms') ? 2_000 : 60_000;
    const error = await failureOf(openai({ timeoutMs, maxRetries: 1 }).embed(['my secret tea']));
    expect(error).toBeInstanceOf(EmbeddingsUnavailableError);
    expect(error.message).toMatch(message);
    expect(server.requests).toHaveLength(requests);
    expectTellsNothing(error);
  });

  it.each<[number, boolean]>([
    [400, true],
    [413, true],
    [422, true],
    [401, false],
    [403, false],
    [404, false],
    [429, false],
    [503, false],
  ])('tells whether a refusal is of the texts: %i, %p', async (status, isOfContent) => {
    server.fail({ status });
    expect(await failureOf(openai({ maxRetries: 0 }).embed(['tea']))).toMatchObject({ isOfContent });
  });

  it.each([
    ['3600', { retryAfter: 3600 }],
    ['0.2', { retryAfter: 1 }],
    ['Infinity', {}],
    ['soon', {}],
  ])('passes on when to come back: Retry-After %s', async (retryAfter, extensions) => {
    server.fail({ status: 429, retryAfter });
    const error = await failureOf(openai({ maxRetries: 0 }).embed(['tea']));
    expect(error.extensions).toEqual(extensions);
  });

  it('waits for a query no longer than it is told to', async () => {
    server.fail('hang');
    const error = await failureOf(openai({ timeoutMs: 60_000, queryTimeoutMs: 300 }).embed(['tea'], 'query'));
    expect(error.message).toMatch(/no whole answer within 300 ms/);
  });

  it('says so when nobody listens', async () => {
    const gone = await EmbeddingsServer.start({ dimensions: DIMENSIONS });
    const baseURL = gone.url;
    await gone.close();
    const error = await failureOf(openai({ baseURL, maxRetries: 0 }).embed(['tea']));
    expect(error).toBeInstanceOf(EmbeddingsUnavailableError);
    expect(error.message).toMatch(/ECONNREFUSED/);
  });

  it('follows no redirect, so that the key stays with the host it is for', async () => {
    const other = await EmbeddingsServer.start({ dimensions: DIMENSIONS });
    server.fail({ redirectTo: other.url.replace('127.0.0.1', 'localhost') });
    const error = await failureOf(openai().embed(['tea'])).finally(() => other.close());
    expect(error).toBeInstanceOf(EmbeddingsUnavailableError);
    expect(error.message).toMatch(/redirect.*OPENAI_BASE_URL/);
    expect(other.requests).toEqual([]);
  });

  it.each<EmbeddingsFault>([{ status: 429, retryAfter: '0' }, { status: 500 }, 'reset'])(
    'asks again after the passing fault %j',
    async (fault) => {
      server.fail(fault, 1);
      await expect(openai().embed(['tea'])).resolves.toHaveLength(1);
      expect(server.requests).toHaveLength(2);
    },
  );

  it('waits for a slow answer within its time', async () => {
    server.fail({ delayMs: 200 });
    await expect(openai().embed(['tea'])).resolves.toHaveLength(1);
  });

  it.each<Partial<OpenAIEmbedderOptions>>([
    { apiKey: undefined, baseURL: undefined },
    { baseURL: 'not a url' },
    { apiKey: `${KEY}\n` },
  ])('refuses at start what can never work: %j', (options) => {
    expect(() => openai(options)).toThrow(StartupError);
  });
});

function openai(options: Partial<OpenAIEmbedderOptions> = {}): OpenAIEmbedder {
  return new OpenAIEmbedder({
    apiKey: KEY,
    baseURL: server.url,
    model: 'some-model',
    dimensions: DIMENSIONS,
    ...options,
  });
}

async function failureOf(work: Promise<unknown>): Promise<TriptychError> {
  return work.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => error as TriptychError,
  );
}

/** Not even to a logger that prints the causes. */
function expectTellsNothing(error: Error): void {
  const told = [error.message, error.stack, String(error.cause), JSON.stringify(error)].join('\n');
  expect(told).not.toContain(KEY);
  expect(told).not.toContain('secret tea');
}

/** The server embeds with the built-in embedder; scaling its vectors once more may move a last digit. */
async function expectServedInOrder(vectors: number[][], texts: readonly string[]): Promise<void> {
  const served = await new LocalEmbedder(DIMENSIONS).embed(texts);
  expect(vectors).toHaveLength(texts.length);
  for (const [i, vector] of vectors.entries()) expect(cosine(vector, served[i])).toBeCloseTo(1, 9);
}

function expectUnitVector(vector: number[] | undefined, dimensions = DIMENSIONS): void {
  expect(vector).toHaveLength(dimensions);
  expect(cosine(vector, vector)).toBeCloseTo(1, 9);
}

function cosine(a: readonly number[] = [], b: readonly number[] = []): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? NaN), 0);
}

async function withEnvironment(values: Record<string, string>, work: () => Promise<void>): Promise<void> {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  try {
    await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}
