import { spawn, type ChildProcess } from 'node:child_process';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = resolve('dist/src/main.js');
const START_WITHIN_MS = 120_000;
const LISTENS = /listens on (http:\S+);/;

export interface ProcessAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The parsed JSON; undefined when the answer has no body. */
  readonly body: never;
}

/**
 * The built service (`npm run build`) as a process of its own, which can be killed, on a free port of
 * 127.0.0.1 in development mode; its client keeps connections alive.
 */
export class ServiceProcess {
  readonly #child: ChildProcess;
  readonly #agent = new Agent({ keepAlive: true });
  /** How it ended: its exit code, or the signal that killed it. */
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #said = '';
  #url = '';

  private constructor(environment: Record<string, string>, nodeArguments: readonly string[]) {
    this.#child = spawn(process.execPath, [...nodeArguments, MAIN], {
      // Nothing of the developer's environment or `.env` reaches it.
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', PORT: '0', LOG_LEVEL: 'error', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exit = new Promise((fulfil) => {
      this.#child.once('exit', (code, signal) => {
        fulfil({ code, signal });
      });
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
  }

  /**
   * Starts the service with these settings and waits until it is ready.
   * @throws Error with what it said when it ends or is not ready within two minutes
   */
  static async start(
    environment: Record<string, string>,
    options?: { nodeArguments?: readonly string[]; withinMs?: number },
  ): Promise<ServiceProcess> {
    const service = ServiceProcess.launch(environment, options);
    try {
      await service.ready(options?.withinMs);
      return service;
    } catch (error) {
      await service.kill();
      throw error;
    }
  }

  /** Starts the service, and waits for nothing. */
  static launch(
    environment: Record<string, string>,
    { nodeArguments = [] }: { nodeArguments?: readonly string[] } = {},
  ): ServiceProcess {
    return new ServiceProcess(environment, nodeArguments);
  }

  /** Where it listens; empty until it does. */
  get url(): string {
    return this.#url;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Everything on its standard output and error so far. */
  get said(): string {
    return this.#said;
  }

  /** Waits until the service answers that it is ready, as a supervisor would. */
  async ready(withinMs = START_WITHIN_MS): Promise<void> {
    const end = Date.now() + withinMs;
    while (Date.now() < end) {
      if (!this.isRunning) throw new Error(`The service ended:\n${this.#said}`);
      this.#url ||= LISTENS.exec(this.#said)?.[1] ?? '';
      if (this.#url && (await this.#isReady())) return;
      await sleep(20);
    }
    throw new Error(`The service is not ready after ${withinMs} ms:\n${this.#said}`);
  }

  /**
   * Sends a request as a tenant. Rejects when the connection breaks before the whole answer is there.
   * @param agent whose connections are used, in place of its own
   * @param more headers
   */
  send(
    tenant: string,
    method: string,
    path: string,
    body?: unknown,
    agent: Agent = this.#agent,
    more: Readonly<Record<string, string>> = {},
  ): Promise<ProcessAnswer> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      'x-tenant-id': tenant,
      ...(payload !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(payload),
      }),
      ...more,
    };
    return new Promise((fulfil, reject) => {
      request(this.#url + path, { method, headers, agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const { statusCode = 0, headers } = answer;
          fulfil({ status: statusCode, headers, body: (text ? JSON.parse(text) : undefined) as never });
        });
      })
        .on('error', reject)
        .end(payload);
    });
  }

  /** `kill -9`, and waits until the process is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Asks it to end, and waits until it has. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Sends a signal, and waits for nothing. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await this.send('nobody', 'GET', '/health/ready')).status === 200;
    } catch {
      return false;
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.isRunning) this.#child.kill(signal);
    await this.exit;
    this.#agent.destroy();
  }
}
