import { Agent, request } from 'node:http';

export interface SoakAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface SoakRequest {
  readonly tenant?: string;
  readonly method?: string;
  readonly path: string;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** On a connection of its own that ends with it. */
  readonly newConnection?: boolean;
}

const ANSWER_WITHIN_MS = 60_000;

/** Sends requests to the service on kept and on new connections, and gives some up half-way. */
export class SoakClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 });

  constructor(private readonly url: string) {}

  /** @throws Error when there is no answer */
  send(wanted: SoakRequest): Promise<SoakAnswer> {
    return new Promise((fulfil, reject) => {
      const sent = this.#open(wanted);
      sent.on('response', (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          fulfil({ status: answer.statusCode ?? 0, body: read(text) });
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`No answer within ${ANSWER_WITHIN_MS} ms`)));
      sent.on('error', reject);
      sent.end();
    });
  }

  /** Closes the connection before the answer is there, or before the body is sent. */
  abort(wanted: SoakRequest, afterMs: number, halfWay: boolean): Promise<void> {
    return new Promise((fulfil) => {
      const sent = this.#open({ ...wanted, newConnection: true }, halfWay);
      sent.on('error', () => undefined);
      sent.on('response', (answer) => answer.resume());
      sent.on('close', () => {
        fulfil();
      });
      if (halfWay) sent.flushHeaders();
      else sent.end();
      setTimeout(() => sent.destroy(), afterMs);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #open({ tenant, method, path, body, headers, newConnection }: SoakRequest, halfWay = false) {
    const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    const sent = request(this.url + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      agent: newConnection ? false : this.#agent,
      timeout: ANSWER_WITHIN_MS,
      headers: {
        ...(tenant !== undefined && { 'x-tenant-id': tenant }),
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        }),
        ...headers,
      },
    });
    if (text !== undefined) sent.write(halfWay ? text.slice(0, text.length / 2) : text);
    return sent;
  }
}

function read(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
