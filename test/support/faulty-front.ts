import { once } from 'node:events';
import {
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { failsBeforeAnswering, type HttpFault } from './http-faults.js';
import { httpServer } from './http-server.js';

/** `lost-answer`: the service does as it is told, and its answer never arrives. */
export type FrontFault =
  HttpFault | 'lost-answer' | { readonly problem: object; readonly retryAfter?: string };

export interface PassedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** What stands in front of a real service, and does to the next requests what it was told, one fault each. */
export class FaultyFront {
  readonly requests: PassedRequest[] = [];
  /** Of the next requests, in turn; then all goes well. */
  faults: (FrontFault | undefined)[] = [];

  private constructor(
    private readonly server: Server,
    private readonly target: string,
  ) {}

  static async start(target: string): Promise<FaultyFront> {
    const server = httpServer((request, response) => void front.#answer(request, response));
    const front = new FaultyFront(server, target);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Forgets what was passed on, and does this to the next requests. */
  become(...faults: FrontFault[]): void {
    this.requests.length = 0;
    this.faults = faults;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    this.requests.push({ method, path, headers });
    const fault = this.faults.shift();
    if (typeof fault === 'object' && 'problem' in fault) {
      if (fault.retryAfter) response.setHeader('retry-after', fault.retryAfter);
      const { status } = fault.problem as { status: number };
      response.writeHead(status, {
        'content-type': 'application/problem+json',
        'x-request-id': 'of-the-front',
      });
      response.end(JSON.stringify(fault.problem));
      return;
    }
    if (await failsBeforeAnswering(fault, request, response)) return;
    request.pipe(
      ask(this.target + path, { method, headers }, (answer) => {
        if (fault === 'lost-answer') {
          answer.resume().on('end', () => request.socket.resetAndDestroy());
          return;
        }
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      }),
    );
  }
}
