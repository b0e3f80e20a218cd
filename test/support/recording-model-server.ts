import type Anthropic from '@anthropic-ai/sdk';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { messagesApiFaults } from './messages-api-rules.js';
import { httpServer } from './http-server.js';

/** The answers of `POST /v1/chat/completions` and `POST /v1/messages`, as the clients expect them. */
const ANSWERS: Readonly<Record<string, object>> = {
  '/v1/chat/completions': {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model: 'm',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'ok' } }],
  },
  '/v1/messages': {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'ok' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  },
};

/** A model's API on loopback: keeps what it is sent, refuses what Anthropic's would refuse, and answers «ok». */
export class RecordingModelServer {
  /** As they came, oldest first. */
  readonly bodies: unknown[] = [];

  private constructor(private readonly http: Server) {}

  static async start(): Promise<RecordingModelServer> {
    const http = httpServer();
    const server = new RecordingModelServer(http);
    http.on('request', (request, response) => {
      server.serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.http.close(resolve));
    this.http.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    this.bodies.push(body);
    const path = request.url ?? '';
    const faults = path === '/v1/messages' ? messagesApiFaults(body as Anthropic.MessageCreateParams) : [];
    const refusal = { type: 'error', error: { type: 'invalid_request_error', message: faults.join('\n') } };
    const answer = ANSWERS[path];
    response.writeHead(answer ? (faults.length > 0 ? 400 : 200) : 404, {
      'content-type': 'application/json',
    });
    response.end(JSON.stringify(faults.length > 0 ? refusal : (answer ?? {})));
  }
}
