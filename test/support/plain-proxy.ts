import { Agent, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { httpServer } from './http-server.js';

const LOOK_EVERY_MS = 100;

/** What a proxy may send again elsewhere when a connection broke before the answer: it changes nothing. */
const SAFE = new Set(['GET', 'HEAD']);

/**
 * A plain HTTP proxy on a free port of 127.0.0.1: each request goes to the next of its targets that is ready, over
 * connections that are kept; nothing is remembered of a client. Where a target cannot be reached the next one is taken;
 * where a connection breaks under way, only reads are sent again, and others are answered 502, as nginx does by default.
 */
export class PlainProxy {
  /** How many requests were answered by each target. */
  readonly answered = new Map<string, number>();
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ready = new Map<string, boolean>();
  #targets: readonly string[] = [];
  #turn = 0;
  #isClosed = false;
  #looking: Promise<void> = Promise.resolve();

  private constructor() {
    this.#server = httpServer((incoming, outgoing) => void this.#forward(incoming, outgoing));
  }

  /** @param targets base URLs */
  static async start(targets: readonly string[]): Promise<PlainProxy> {
    const proxy = new PlainProxy();
    proxy.serve(targets);
    await new Promise<void>((fulfil) => proxy.#server.listen(0, '127.0.0.1', fulfil));
    proxy.#looking = proxy.#look();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Forwards to these from now on. */
  serve(targets: readonly string[]): void {
    this.#targets = targets;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await this.#looking;
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const ready = this.#targets.filter((target) => this.#ready.get(target) !== false);
    const order = ready.length > 0 ? ready : this.#targets;
    const first = (this.#turn += 1);
    for (let offset = 0; offset < order.length; offset += 1) {
      const target = order[(first + offset) % order.length] ?? '';
      try {
        await this.#send(target, incoming, body, outgoing);
        this.answered.set(target, (this.answered.get(target) ?? 0) + 1);
        return;
      } catch (error) {
        if (outgoing.headersSent) return void outgoing.destroy();
        const wasReached = (error as { code?: string }).code !== 'ECONNREFUSED';
        if (wasReached && !SAFE.has(incoming.method ?? '')) break;
      }
    }
    outgoing.writeHead(502).end();
  }

  #send(target: string, incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse): Promise<void> {
    const { method, url = '', headers } = incoming;
    // These are of the connection to the client.
    const { connection: _connection, 'transfer-encoding': _encoding, ...sent } = headers;
    return new Promise((fulfil, reject) => {
      request(target + url, { method, headers: sent, agent: this.#agent }, (answer) => {
        const { connection: _ofTarget, 'transfer-encoding': _itsEncoding, ...received } = answer.headers;
        outgoing.writeHead(answer.statusCode ?? 502, received);
        answer.pipe(outgoing);
        answer.on('end', fulfil).on('error', reject);
      })
        .on('error', reject)
        .end(body);
    });
  }

  /** Asks each target whether it is ready, as a load balancer does. */
  async #look(): Promise<void> {
    while (!this.#isClosed) {
      await Promise.all(
        this.#targets.map(async (target) => {
          const isReady = await fetch(`${target}/health/ready`).then(
            async (answer) => (await answer.text(), answer.status === 200),
            () => false,
          );
          this.#ready.set(target, isReady);
        }),
      );
      await sleep(LOOK_EVERY_MS);
    }
  }
}
