import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { failsBeforeAnswering, sendJson, textOf, type HttpFault } from './http-faults.js';
import { httpServer } from './http-server.js';

/** What the server does wrong until it is healed. */
export type ChatFault = HttpFault | 'no-choices' | 'no-text' | 'empty' | 'too-long' | 'unstorable';

export interface ChatRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly max_tokens?: number;
    readonly max_completion_tokens?: number;
  };
  /** Each line of the user's message. */
  readonly data: readonly ChatData[];
}

export interface ChatData {
  readonly summary_so_far?: string;
  readonly role?: string;
  readonly content?: string;
  readonly [field: string]: unknown;
}

/** Models of this name know `max_completion_tokens` alone. */
export const THINKING_MODEL = 'thinking-model';

/**
 * A server of the chat-completions protocol on loopback that really speaks HTTP, and can be told to misbehave. Its
 * summary is what it was sent, the contents one after the other, so that a test sees what has got into it.
 */
export class ChatServer {
  readonly requests: ChatRequest[] = [];
  /** Longest user's message that it takes, in characters. */
  maxLength = Infinity;
  #fault: ChatFault | undefined;
  #faultsLeft = Infinity;
  #gate: Promise<void> | undefined;
  #heldLeft = 0;
  #arrived: (() => void)[] = [];

  private constructor(private readonly http: Server) {}

  static async start(): Promise<ChatServer> {
    const http = httpServer();
    const server = new ChatServer(http);
    http.on('request', (request, response) => {
      server.#serve(request, response).catch((error: unknown) => {
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
  fail(fault: ChatFault, times = Infinity): void {
    this.#fault = fault;
    this.#faultsLeft = times;
  }

  heal(): void {
    this.#fault = undefined;
    this.maxLength = Infinity;
  }

  /** Does not answer the next `times` requests until the function that this returns is called. */
  hold(times = Infinity): () => void {
    let open: () => void = () => undefined;
    this.#gate = new Promise((resolve) => (open = resolve));
    this.#heldLeft = times;
    return () => {
      this.#heldLeft = 0;
      open();
    };
  }

  /** Resolves when so many requests have arrived, counted from the start. */
  async arrived(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise<void>((resolve) => this.#arrived.push(resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.http.close(resolve));
    this.http.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await textOf(request)) as ChatRequest['body'];
    const text = body.messages.at(-1)?.content ?? '';
    const data = text.split('\n').map((line) => JSON.parse(line) as ChatData);
    this.requests.push({ path: request.url ?? '', headers: request.headers, body, data });
    for (const tell of this.#arrived.splice(0)) tell();
    const fault = this.#faultsLeft-- > 0 ? this.#fault : undefined;
    if (this.#heldLeft-- > 0) await this.#gate;
    if (await failsBeforeAnswering(fault, request, response)) return;
    const refusal = refusalOf(request, body, text.length > this.maxLength);
    if (refusal) {
      const { status, ...error } = refusal;
      sendJson(response, status, { error: { ...error, type: 'invalid_request_error' } });
      return;
    }
    const said = data.map((line) => line.summary_so_far ?? line.content ?? '').join(' ');
    sendJson(response, 200, answerOf(body.model, said, fault));
  }
}

function answerOf(model: string, said: string, fault: ChatFault | undefined): object {
  if (fault === 'no-choices') return { error: 'overloaded' };
  const message: Record<string, unknown> = { role: 'assistant', content: said };
  if (fault === 'no-text') Object.assign(message, { content: null, refusal: 'I cannot.' });
  if (fault === 'empty') message['content'] = ' \n';
  if (fault === 'too-long') message['content'] = `${said} ${'and so on '.repeat(10_000)}`;
  if (fault === 'unstorable') message['content'] = `\u0000${said}\ud800`;
  return { object: 'chat.completion', model, choices: [{ index: 0, message, finish_reason: 'stop' }] };
}

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly param?: string;
  readonly code?: string;
}

/** The refusals of OpenAI's API that a client must know to avoid. */
function refusalOf(
  request: IncomingMessage,
  { model, max_tokens: maxTokens }: ChatRequest['body'],
  isTooLong: boolean,
): Refusal | undefined {
  if (request.url !== '/v1/chat/completions') return { status: 404, message: 'no such path' };
  if (model === THINKING_MODEL && maxTokens !== undefined)
    return {
      status: 400,
      message: `Unsupported parameter: 'max_tokens' is not supported with this model.`,
      param: 'max_tokens',
      code: 'unsupported_parameter',
    };
  if (isTooLong)
    return { status: 400, message: 'too many tokens', param: 'messages', code: 'context_length_exceeded' };
  return undefined;
}
