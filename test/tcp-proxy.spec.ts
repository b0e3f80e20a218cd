import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TcpProxy } from './support/tcp-proxy.js';

const HELLO = 'hello, here is a line of text';

/** A server that sends back what it gets. */
async function startEcho(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** What a client has read so far, and how its connection ended. */
class Client {
  read = '';
  end: 'open' | 'closed' | 'reset' | 'refused' = 'open';
  chunks = 0;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (bytes) => {
      this.read += bytes.toString();
      this.chunks += 1;
    });
    this.#socket.on('end', () => (this.end = 'closed'));
    this.#socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.end = code === 'ECONNREFUSED' ? 'refused' : 'reset';
    });
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }

  async until(isSo: () => boolean): Promise<void> {
    const end = Date.now() + 20_000;
    while (!isSo()) {
      if (Date.now() > end) throw new Error(`It did not come to that: read ${this.read}, ${this.end}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe('TcpProxy', () => {
  let echo: Server;
  let proxy: TcpProxy;
  const clients: Client[] = [];
  beforeEach(async () => {
    echo = await startEcho();
    proxy = await TcpProxy.start(`127.0.0.1:${(echo.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await proxy.close();
    echo.close();
  });
  const open = (): Client => {
    const client = new Client(proxy.port);
    clients.push(client);
    return client;
  };
  const echoed = async (client: Client, text = HELLO): Promise<void> => {
    const before = client.read;
    client.send(text);
    await client.until(() => client.read === before + text);
  };

  it('passes everything on, counts connections and rewrites URLs', async () => {
    await echoed(open());
    await echoed(open(), 'x'.repeat(1_000_000));
    expect([proxy.accepted, proxy.open]).toEqual([2, 2]);
    expect(proxy.urlOf('postgres://me:secret@db.example:1/one?a=b')).toBe(
      `postgres://me:secret@127.0.0.1:${proxy.port}/one?a=b`,
    );
  });

  it('delays both directions, and keeps their order when it no longer does', async () => {
    const client = open();
    await echoed(client);
    await proxy.become({ kind: 'delay', ms: 100 });
    const begin = performance.now();
    client.send('slow ');
    const fast = new Promise((resolve) => setTimeout(resolve, 20)).then(() => proxy.become({ kind: 'pass' }));
    await fast;
    client.send('quick');
    await client.until(() => client.read === `${HELLO}slow quick`);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(99);
  });

  it('drips', async () => {
    const client = open();
    await echoed(client);
    await proxy.become({ kind: 'drip', bytes: 10 });
    const before = client.chunks;
    await echoed(client);
    expect(client.chunks - before).toBeGreaterThanOrEqual(3);
  });

  it('swallows, for good what has lost something, and not what has not', async () => {
    const [lost, quiet] = [open(), open()];
    await echoed(lost);
    await echoed(quiet);
    await proxy.become({ kind: 'blackHole' });
    const late = open();
    for (const client of [lost, late]) client.send(HELLO);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await proxy.become({ kind: 'pass' });
    lost.send(HELLO);
    await echoed(quiet);
    await echoed(open());
    expect([lost.read, late.read, lost.end]).toEqual([HELLO, '', 'open']);
  });

  it('refuses who comes, and leaves those who are there', async () => {
    const client = open();
    await echoed(client);
    await proxy.become({ kind: 'refuse' });
    const refused = open();
    await refused.until(() => refused.end === 'refused');
    await echoed(client);
    await proxy.become({ kind: 'pass' });
    await echoed(open());
  });

  it('resets', async () => {
    const client = open();
    await echoed(client);
    await proxy.become({ kind: 'reset' });
    await client.until(() => client.end === 'reset');
    const next = open();
    await next.until(() => next.end === 'reset');
    await proxy.become({ kind: 'pass' });
    await echoed(open());
  });

  it.each(['up', 'down'] as const)('cuts after so many bytes on the way %s', async (of) => {
    const client = open();
    await echoed(client);
    await proxy.become({ kind: 'cut', after: 10, of });
    client.send(HELLO);
    await client.until(() => client.end !== 'open');
    const rest = client.read.slice(HELLO.length);
    if (of === 'down') expect(rest).toBe(HELLO.slice(0, 10));
    else expect(HELLO.slice(0, 10).startsWith(rest)).toBe(true);
    await proxy.become({ kind: 'pass' });
    await echoed(open());
  });
});
