import 'reflect-metadata';
import type { Readable } from 'node:stream';
import { loadClientOptions, type ClientOptions } from '../config/client-options.js';
import { loadOptions } from '../config/load-options.js';
import { LineTransport } from './line-transport.js';
import { McpBridge } from './mcp-bridge.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Longest time to close in; then the process ends as it is. */
const CLOSE_WITHIN_MS = 9_000;
/** Of one message to a service, which has a limit of its own: the largest that can be set there. */
const MAX_FORWARDED = 104_857_600;

export interface StdioStreams {
  readonly input?: Readable;
  readonly output?: NodeJS.WritableStream;
}

interface Backend {
  connect(connection: LineTransport): Promise<void>;
  close?(): Promise<void>;
}

/**
 * Serves MCP over standard input and output until the input ends, or SIGTERM or SIGINT comes. With `TRIPTYCH_URL` it
 * hands everything on to the `/mcp` of that service; without, it works in this process, on `DATABASE_URL` or the embedded
 * engine. The credential is `TRIPTYCH_API_KEY` or, in development mode, `TRIPTYCH_TENANT`. Nothing but the protocol goes to
 * standard output.
 * @param environment where settings are read, as `loadOptions` does
 * @throws StartupError with the remedy: no service, no database, a folder in use, a credential that is not let in; of a
 * caller that is not served, its cause has an HTTP `status`
 */
export async function serveMcpStdio(
  environment?: NodeJS.ProcessEnv,
  { input = process.stdin, output = process.stdout }: StdioStreams = {},
): Promise<void> {
  if (output === process.stdout) console.log = console.info = console.debug = console.error;
  const signal = new StopSignal();
  try {
    const client = loadClientOptions(environment);
    const [backend, maxBytes] = await open(client, environment);
    try {
      const connection = new LineTransport(input, output, maxBytes);
      signal.stops(() => void connection.close());
      await backend.connect(connection);
      await connection.closed;
    } finally {
      await withinTime(backend.close?.());
    }
  } finally {
    signal.forget();
  }
}

async function open(client: ClientOptions, environment?: NodeJS.ProcessEnv): Promise<[Backend, number]> {
  if (client.isUrlGiven) {
    const bridge = new McpBridge(client);
    await bridge.check();
    return [bridge, MAX_FORWARDED];
  }
  const options = loadOptions(environment);
  // A bridge needs neither the tiers nor the database.
  const { McpInProcess } = await import('./mcp-in-process.js');
  return [await McpInProcess.open(options, client), options.http.bodyLimit];
}

/** The first signal closes; before there is anything to close, it ends the process, since nothing was promised to anybody. */
class StopSignal {
  #stop: (() => void) | undefined;
  readonly #receive = (): void => {
    if (this.#stop) this.#stop();
    else process.exit(0);
  };

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#receive);
  }

  stops(stop: () => void): void {
    this.#stop = stop;
  }

  forget(): void {
    for (const name of SIGNALS) process.off(name, this.#receive);
  }
}

async function withinTime(closing: Promise<void> | undefined): Promise<void> {
  const timer = setTimeout(() => {
    console.error('MCP did not close in time; the process ends as it is.');
    process.exit(1);
  }, CLOSE_WITHIN_MS);
  await closing;
  clearTimeout(timer);
}
