import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalEmbedder } from '../../src/embeddings/local-embedder.js';
import { failsBeforeAnswering, sendJson, textOf, type HttpFault } from './http-faults.js';
import { httpServer } from './http-server.js';

/** What the server does wrong until it is healed. */
export type EmbeddingsFault =
  | HttpFault
  | 'hang-midway'
  | 'cut-midway'
  | 'no-data'
  | 'shuffled'
  | 'wrong-count'
  | 'surplus'
  | 'repeated-index'
  | 'wrong-dimension'
  | 'null-component'
  | 'infinite-component'
  | 'zero-vector'
  | 'near-zero-vector'
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
 * vectors are those of the built-in embedder, so that likeness means something. A model `…@n` has vectors of n dimensions, and a
 * model `turned…` has each dimension in another place, so that nothing is like itself in another model.
 */
export class EmbeddingsServer {
  readonly requests: RecordedRequest[] = [];
  /** Requests that wait for an answer now; one that its client has given up is none of them. */
  open = 0;
  /** Models that this server has; all, unless said otherwise. */
  models: readonly string[] | undefined;
  /** Texts that it takes in one request. */
  maxInputs = 2048;
  /** How long each answer takes. */
  delayMs = 0;
  private fault: EmbeddingsFault | undefined;
  private faultsLeft = Infinity;
  private isRefused: ((text: string) => boolean) | undefined;
  private statusOfRefusal = 400;

  private constructor(
    private readonly http: Server,
    private readonly embedder: LocalEmbedder,
  ) {}

  static async start({ dimensions }: { dimensions: number }): Promise<EmbeddingsServer> {
    const http = httpServer();
    const server = new EmbeddingsServer(http, new LocalEmbedder(dimensions));
    http.on('request', (request, response) => {
      server.open += 1;
      response.once('close', () => (server.open -= 1));
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

  /** Refuses each request that holds such a text, as a provider does one that is too long for it, or that it chokes on. */
  refuse(isRefused: (text: string) => boolean, status = 400): void {
    this.isRefused = isRefused;
    this.statusOfRefusal = status;
  }

  heal(): void {
    this.fault = undefined;
    this.isRefused = undefined;
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

    if (await failsBeforeAnswering(fault, request, response)) return;
    if (fault === 'no-data') {
      sendJson(response, 200, { error: 'overloaded' });
      return;
    }
    const refusal = [body.input].flat().some((text) => this.isRefused?.(text))
      ? { status: this.statusOfRefusal, message: 'this text is refused' }
      : this.models?.includes(body.model) === false
        ? { status: 404, message: `the model ${body.model} does not exist` }
        : refusalOf(request, body, this.maxInputs);
    if (refusal) {
      sendJson(response, refusal.status, {
        error: { message: refusal.message, type: 'invalid_request_error' },
      });
      return;
    }
    if (this.delayMs > 0) await sleep(this.delayMs);
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
    sendJson(response, 200, jsonOf(answer));
  }

  private embedderOf(model: string): LocalEmbedder {
    const [, dimensions] = /@(\d+)$/.exec(model) ?? [];
    return dimensions === undefined ? this.embedder : new LocalEmbedder(Number(dimensions));
  }

  private async items({
    model,
    input,
    encoding_format: format,
  }: EmbeddingsRequest): Promise<EmbeddingItem[]> {
    const made = await this.embedderOf(model).embed(typeof input === 'string' ? [input] : input);
    const vectors = model.startsWith('turned') ? made.map((vector) => turned(vector)) : made;
    return vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      // As OpenAI's API does for its own client, which asks for base64 unless told otherwise.
      embedding: format === 'float' ? vector : base64(vector),
    }));
  }
}

/** Every dimension a third of the length further on. */
function turned(vector: readonly number[]): number[] {
  const third = Math.floor(vector.length / 3);
  return [...vector.slice(third), ...vector.slice(0, third)];
}

function spoilt(items: EmbeddingItem[], fault: EmbeddingsFault): unknown[] {
  switch (fault) {
    case 'shuffled':
      return items.reverse();
    case 'wrong-count':
      return items.slice(1);
    case 'surplus':
      return [...items, { ...items[0], index: items.length }];
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
    case 'near-zero-vector':
      return items.map((item) => ({
        ...item,
        embedding: (item.embedding as number[]).map((x) => x * 1e-9),
      }));
    case 'always-base64':
      return items.map((item) => ({ ...item, embedding: base64(item.embedding as number[]) }));
    default:
      return items;
  }
}

/** Stands for the literal 1e999, valid JSON that reads as Infinity and that JSON.stringify cannot write. */
const HUGE = '1e999';

function jsonOf(body: unknown): string {
  return JSON.stringify(body).replaceAll(`"${HUGE}"`, HUGE);
}

/** The refusals of OpenAI's API that a client must know to avoid. */
function refusalOf(
  request: IncomingMessage,
  body: EmbeddingsRequest,
  maxInputs: number,
): { status: number; message: string } | undefined {
  const inputs = typeof body.input === 'string' ? [body.input] : body.input;
  if (request.url !== '/v1/embeddings') return { status: 404, message: 'no such path' };
  if (inputs.includes('')) return { status: 400, message: 'input cannot be an empty string' };
  if (inputs.length > maxInputs) return { status: 400, message: `at most ${maxInputs} inputs` };
  if (body.dimensions !== undefined && !body.model.includes('text-embedding-3')) {
    return { status: 400, message: 'this model does not support specifying dimensions' };
  }
  return undefined;
}

function base64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString('base64');
}
