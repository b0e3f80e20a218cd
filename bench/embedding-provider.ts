import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { unitVectors } from './vectors.js';

/** How the provider answers from now on. */
export type ProviderMode = 'answers' | 'hangs' | 'refuses';

/** What `GET /figures` answers: requests for embeddings that were answered, and texts in them. */
export interface ProviderFigures {
  readonly requests: number;
  readonly texts: number;
}

/** Of one request, whatever its texts: about what a provider near by takes. */
const ANSWER_MS = 20;
const VECTORS = 64;

/**
 * A server of OpenAI's embeddings protocol in a process of its own. It answers prepared vectors, so that it takes next to no time
 * from whoever is measured, and its `PUT /mode` says how it behaves. `DIMENSIONS` is the length of its vectors.
 */
class EmbeddingProvider {
  readonly #vectors = unitVectors(VECTORS, Number(process.env['DIMENSIONS']), 3).map((vector) =>
    JSON.stringify(vector),
  );
  #mode: ProviderMode = 'answers';
  #requests = 0;
  #texts = 0;

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (request.url === '/mode') {
      this.#mode = body as ProviderMode;
      response.end();
    } else if (request.url === '/figures') {
      const figures: ProviderFigures = { requests: this.#requests, texts: this.#texts };
      response.end(JSON.stringify(figures));
    } else if (this.#mode === 'refuses') response.writeHead(503).end();
    else if (this.#mode === 'answers')
      setTimeout(() => {
        this.#answer(body, response);
      }, ANSWER_MS);
  }

  #answer(body: string, response: ServerResponse): void {
    const { model, input } = JSON.parse(body) as { model: string; input: readonly string[] };
    this.#requests += 1;
    this.#texts += input.length;
    const data = input.map(
      (text, index) =>
        `{"object":"embedding","index":${index},"embedding":${this.#vectors[text.length % VECTORS] ?? ''}}`,
    );
    response.setHeader('content-type', 'application/json');
    response.end(`{"object":"list","model":${JSON.stringify(model)},"data":[${data.join(',')}]}`);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const provider = new EmbeddingProvider();
const server = createServer((request, response) => {
  provider.serve(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1', () => {
  console.error(`The provider listens on http://127.0.0.1:${(server.address() as AddressInfo).port};`);
});
process.on('SIGTERM', () => process.exit(0));
