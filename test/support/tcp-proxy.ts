import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** What happens to connections, as of now, to those that are open and to those that come. */
export type Fault =
  | { readonly kind: 'pass' }
  /** Every chunk arrives this much later, in both directions. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** So many bytes every 50 ms, in both directions. */
  | { readonly kind: 'drip'; readonly bytes: number }
  /**
   * Connections are accepted, and nothing that is sent arrives, in either direction. One that has lost something stays
   * like this for good, as one that a firewall has forgotten.
   */
  | { readonly kind: 'blackHole' }
  /** New connections are refused; those that are open stay. */
  | { readonly kind: 'refuse' }
  /** Open connections, and those that come, are reset (RST). */
  | { readonly kind: 'reset' }
  /** Each connection is closed when so many bytes more have gone in that direction. */
  | { readonly kind: 'cut'; readonly after: number; readonly of: Direction };

/** `up` is from the client to the server. */
export type Direction = 'up' | 'down';

const DRIP_EVERY_MS = 50;

/**
 * A proxy for any protocol on TCP, on a free port of 127.0.0.1, with faults that can be switched while it runs. Bytes
 * come in order whatever the faults; half-closed connections stay so.
 */
export class TcpProxy {
  /** Connections that were accepted so far. */
  accepted = 0;
  readonly #pairs = new Set<Pair>();
  #fault: Fault = { kind: 'pass' };
  #server: Server | undefined;
  #port = 0;

  private constructor(private readonly target: { readonly host: string; readonly port: number }) {}

  /** @param server a URL or `host:port`, such as `127.0.0.1:5432` */
  static async start(server: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(server.includes('://') ? server : `tcp://${server}`);
    const proxy = new TcpProxy({ host: hostname, port: Number(port || 5432) });
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that clients hold open at present. */
  get open(): number {
    return [...this.#pairs].filter(({ isHeld }) => isHeld).length;
  }

  /** The same URL through the proxy. */
  urlOf(server: string): string {
    const url = new URL(server);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  /** Switches to another fault, or back to `pass`. */
  async become(fault: Fault): Promise<void> {
    this.#fault = fault;
    if (fault.kind === 'refuse') await this.#refuse();
    else if (!this.#server) await this.#listen();
    for (const pair of this.#pairs) pair.become(fault);
  }

  async close(): Promise<void> {
    await this.#refuse();
    for (const pair of this.#pairs) pair.reset();
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (client) => {
      this.#accept(client);
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Stops listening; what is open stays. */
  #refuse(): Promise<void> {
    // Its own callback waits for every connection.
    this.#server?.close();
    this.#server = undefined;
    return Promise.resolve();
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    const pair = new Pair(client, connect({ ...this.target, allowHalfOpen: true }), () =>
      this.#pairs.delete(pair),
    );
    this.#pairs.add(pair);
    pair.become(this.#fault);
  }
}

/** A connection of a client and its own to the server. */
class Pair {
  /** Whether the client has its end open. */
  isHeld = true;
  readonly #flows: Readonly<Record<Direction, Flow>>;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    closed: () => void,
  ) {
    this.#flows = {
      up: new Flow(client, server, () => {
        this.#cut();
      }),
      down: new Flow(server, client, () => {
        this.#cut();
      }),
    };
    for (const event of ['end', 'close']) client.on(event, () => (this.isHeld = false));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {
        this.reset();
      });
      socket.on('close', () => {
        // What is under way in the other direction still arrives.
        if (client.destroyed && server.destroyed) closed();
      });
    }
  }

  become(fault: Fault): void {
    if (fault.kind === 'reset') this.reset();
    for (const direction of ['up', 'down'] as const)
      this.#flows[direction].become(
        fault.kind === 'cut' && fault.of !== direction ? { kind: 'pass' } : fault,
      );
  }

  reset(): void {
    this.#stop();
    for (const socket of [this.client, this.server]) if (!socket.destroyed) socket.resetAndDestroy();
  }

  #cut(): void {
    this.#stop();
    for (const socket of [this.client, this.server]) socket.destroy();
  }

  #stop(): void {
    this.#flows.up.stop();
    this.#flows.down.stop();
  }
}

/** One direction of a connection: what has come in, and how it goes on. */
class Flow {
  #fault: Fault = { kind: 'pass' };
  readonly #waiting: { bytes: Buffer; due: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #hasLost = false;
  #hasEnded = false;
  #left = Infinity;

  constructor(
    source: Socket,
    private readonly sink: Socket,
    private readonly cut: () => void,
  ) {
    source.on('data', (bytes) => {
      this.#take(bytes);
    });
    source.on('end', () => {
      this.#hasEnded = true;
      this.#send();
    });
  }

  become(fault: Fault): void {
    this.#fault = fault;
    this.#left = fault.kind === 'cut' ? fault.after : Infinity;
    this.#send();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#hasLost = true;
  }

  #take(bytes: Buffer): void {
    if (this.#hasLost || this.#fault.kind === 'blackHole') {
      this.#hasLost = true;
      return;
    }
    const ms = this.#fault.kind === 'delay' ? this.#fault.ms : 0;
    this.#waiting.push({ bytes, due: performance.now() + ms });
    this.#send();
  }

  /** Passes on what is due, and comes back for the rest. */
  #send(): void {
    clearTimeout(this.#timer);
    for (;;) {
      const [first] = this.#waiting;
      if (this.#hasLost) return;
      if (!first) break;
      const ms = first.due - performance.now();
      if (ms > 0) {
        this.#timer = setTimeout(() => {
          this.#send();
        }, ms);
        return;
      }
      const most = this.#fault.kind === 'drip' ? this.#fault.bytes : this.#left;
      const bytes = first.bytes.subarray(0, most);
      this.#left -= bytes.length;
      this.sink.write(bytes, this.#left <= 0 ? this.cut : undefined);
      if (this.#left <= 0) return;
      if (bytes.length === first.bytes.length) this.#waiting.shift();
      else first.bytes = first.bytes.subarray(bytes.length);
      if (this.#fault.kind === 'drip') {
        this.#timer = setTimeout(() => {
          this.#send();
        }, DRIP_EVERY_MS);
        return;
      }
    }
    if (this.#hasEnded && this.#fault.kind !== 'blackHole') this.sink.end();
  }
}
