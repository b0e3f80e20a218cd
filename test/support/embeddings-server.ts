// Over 200 lines: one server with all its faults, so that a test reads as one line, `server.fail(…)`.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo } from 'node:net';
import { LocalEmbedder } from '../../src/embeddings/local-embedder.js';

/** What the server does wrong until it is healed. */
export type EmbeddingsFault =
  | { readonly status: number; readonly retryAfter?: string }
  | { readonly delayMs: number }
  | { readonly redirectTo: string }
  | 'hang'
  | 'hang-midway'
  | 'reset'
  | 'cut-midway'
  | 'broken-json'
  | 'html'
  | 'no-data'
  | 'endless'
  | 'shuffled'
  | 'wrong-count'
  | 'repeated-index'
  | 'wrong-dimension'
  | 'null-component'
  | 'infinite-component'
  | 'zero-vector'
  | 'always-base64';

export interface RecordedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: EmbeddingsRequest;
}

interface EmbeddingsRequest {
  readonly model: string;
  readonly input: string | readonly string[];
  readonly encoding_format?: string;
  readonly dimensions?: number;
}

interface EmbeddingItem {
  object: 'embedding';
  index: number;
  embedding: unknown;
}

/**
 * An OpenAI-compatible embeddings server on loopback that really speaks HTTP, and can be told to misbehave. Its
 * vectors are those of the built-in embedder, so that likeness means something.
 */
export class EmbeddingsServer {
  readonly requests: RecordedRequest[] = [];
  private fault: EmbeddingsFault | undefined;
  private faultsLeft = Infinity;

  private constructor(
    private readonly http: Server,
    private readonly embedder: LocalEmbedder,
  ) {}

  static async start({ dimensions }: { dimensions: number }): Promise<EmbeddingsServer> {
    const http = createServer();
    const server = new EmbeddingsServer(http, new LocalEmbedder(dimensions));
    http.on('request', (request, response) => {
      server.serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** The base URL to hand to a client, `/v1` included. */
  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/v1`;
  }

  /** Misbehaves so for the next `times` requests, or until `heal()`. */
  fail(fault: EmbeddingsFault, times = Infinity): void {
    this.fault = fault;
    this.faultsLeft = times;
  }

  heal(): void {
    this.fault = undefined;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.http.close(resolve));
    this.http.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await textOf(request)) as EmbeddingsRequest;
    this.requests.push({ path: request.url ?? '', headers: request.headers, body });
    const fault = this.faultsLeft-- > 0 ? this.fault : undefined;

    if (typeof fault === 'object' && 'delayMs' in fault) {
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs).unref());
    } else if (fault && failsBeforeAnswering(fault, request, response)) {
      return;
    }
    const refusal = refusalOf(request, body);
    if (refusal) {
      sendJson(response, refusal.status, {
        error: { message: refusal.message, type: 'invalid_request_error' },
      });
      return;
    }
    const items = await this.items(body);
    const answer = { object: 'list', model: body.model, data: fault ? spoilt(items, fault) : items };
    if (fault === 'cut-midway' || fault === 'hang-midway') {
      const json = JSON.stringify(answer);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length });
      response.write(json.slice(0, 100), () => {
        if (fault === 'cut-midway') response.destroy();
      });
      return;
    }
    sendJson(response, 200, answer);
  }

  private async items({ input, encoding_format: format }: EmbeddingsRequest): Promise<EmbeddingItem[]> {
    const vectors = await this.embedder.embed(typeof input === 'string' ? [input] : input);
    return vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      // As OpenAI's API does for its own client, which asks for base64 unless told otherwise.
      embedding: format === 'float' ? vector : base64(vector),
    }));
  }
}

/** True when the fault has dealt with the request, or leaves it without an answer. */
function failsBeforeAnswering(
  fault: EmbeddingsFault,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (typeof fault === 'object') {
    if ('redirectTo' in fault) {
      response.writeHead(307, { location: `${fault.redirectTo}/embeddings` }).end();
      return true;
    }
    if ('status' in fault) {
      // Real providers echo part of what was sent; a good client does not pass that on.
      const message = `refused ${request.headers.authorization ?? 'nobody'}`;
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
      sendJson(response, fault.status, { error: { message } });
      return true;
    }
  }
  switch (fault) {
    case 'hang':
      return true;
    case 'reset':
      request.socket.resetAndDestroy();
      return true;
    case 'broken-json':
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[{"ind');
      return true;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>');
      return true;
    case 'no-data':
      sendJson(response, 200, { error: 'overloaded' });
      return true;
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json' });
      writeForEver(response);
      return true;
    default:
      return false;
  }
}

function spoilt(items: EmbeddingItem[], fault: EmbeddingsFault): unknown[] {
  switch (fault) {
    case 'shuffled':
      return items.reverse();
    case 'wrong-count':
      return items.slice(1);
    case 'repeated-index':
      return items.map((item) => ({ ...item, index: 0 }));
    case 'wrong-dimension':
      return items.map((item) => ({ ...item, embedding: (item.embedding as number[]).slice(1) }));
    case 'null-component':
      return items.map((item) => ({ ...item, embedding: (item.embedding as number[]).map(() => null) }));
    case 'infinite-component':
      return items.map((item) => ({ ...item, embedding: (item.embedding as number[]).map(() => HUGE) }));
    case 'zero-vector':
      return items.map((item) => ({ ...item, embedding: (item.embedding as number[]).map(() => 0) }));
    case 'always-base64':
      return items.map((item) => ({ ...item, embedding: base64(item.embedding as number[]) }));
    default:
      return items;
  }
}

/** Stands for the literal 1e999, valid JSON that reads as Infinity and that JSON.stringify cannot write. */
const HUGE = '1e999';

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const json = JSON.stringify(body).replaceAll(`"${HUGE}"`, HUGE);
  response.writeHead(status, { 'content-type': 'application/json' }).end(json);
}

/** The refusals of OpenAI's API that a client must know to avoid. */
function refusalOf(
  request: IncomingMessage,
  body: EmbeddingsRequest,
): { status: number; message: string } | undefined {
  const inputs = typeof body.input === 'string' ? [body.input] : body.input;
  if (request.url !== '/v1/embeddings') return { status: 404, message: 'no such path' };
  if (inputs.includes('')) return { status: 400, message: 'input cannot be an empty string' };
  if (inputs.length > 2048) return { status: 400, message: 'at most 2048 inputs' };
  if (body.dimensions !== undefined && !body.model.includes('text-embedding-3')) {
    return { status: 400, message: 'this model does not support specifying dimensions' };
  }
  return undefined;
}

function writeForEver(response: ServerResponse): void {
  const spaces = Buffer.alloc(1024 * 1024, ' ');
  const more = (): void => {
    while (!response.destroyed && response.write(spaces));
  };
  response.on('drain', more);
  more();
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function base64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString('base64');
}
