import { Logger, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Server as TcpServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { TriptychOptions } from '../config/options.js';
import { ShuttingDownError } from '../errors.js';
import { answerOf } from './problem-answer.js';
import { problemOf } from './problem.js';
import { noteCut } from './request-telemetry.js';

/** The part of the time to stop in which requests may finish; the rest is for what comes after them. */
const REQUESTS_SHARE = 0.6;
/** A turn of the event loop that takes so long does nothing; and how long one is waited for. */
const QUIET_MS = 0.1;
const QUIET_WITHIN_MS = 500;
/** For the bytes of requests that were under way on kept-alive connections when the listener closed. */
const LINGER_MS = 20;
/** For an answer that is sent last to leave the process. */
const FLUSH_MS = 200;

/**
 * Ends the HTTP side of the service before anything behind it: a provider of the root module, of which Nest calls
 * `onModuleDestroy` first. Readiness goes off and every answer closes its connection, so that clients and load balancers go
 * elsewhere; after the delay nobody new is let in, and requests under way finish.
 *
 * Node's own `server.close()` does not end while a client holds a connection: on one that never sent a request for ever, since
 * it stops looking at timeouts, and on one whose answer was under way as long as it may be kept alive (Fastify: 72 s).
 * So connections are known here, and each is closed once it has nothing under way.
 */
export class RequestDrain implements OnModuleDestroy, OnApplicationShutdown {
  readonly #logger = new Logger('Shutdown');
  readonly #connections = new Map<Socket, Set<FastifyReply>>();
  #server: Server | undefined;
  #stage: 'serving' | 'requests' | 'background work' | 'database' = 'serving';
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly options: Pick<TriptychOptions['http'], 'shutdownDelayMs' | 'shutdownTimeoutMs'>,
  ) {}

  /** Whether the service has begun to stop. */
  get isDraining(): boolean {
    return this.#stage !== 'serving';
  }

  /** What is waited for, for whoever has to say what did not end. */
  get waitsFor(): string {
    const routes = this.#stage === 'requests' ? this.#underWay().map(routeOf) : [];
    return routes.length > 0 ? `requests: ${routes.slice(0, 10).join(', ')}` : this.#stage;
  }

  /** Looks after the connections and requests of a server from now on; before it listens. */
  watch(fastify: FastifyInstance): void {
    this.#server = fastify.server;
    fastify.server.on('connection', (socket: Socket) => {
      this.#connections.set(socket, new Set());
      socket.once('close', () => {
        this.#connections.delete(socket);
        this.#tellIdle();
      });
    });
    fastify.addHook('onRequest', (request, reply, done) => {
      const { socket } = request.raw;
      const replies = this.#connections.get(socket);
      // One that was injected came by no connection.
      if (!replies) {
        done();
        return;
      }
      replies.add(reply);
      reply.raw.once('close', () => {
        replies.delete(reply);
        if (replies.size > 0) return;
        // An answer that was begun before the drain keeps its connection alive.
        if (this.#isClosing) socket.destroySoon();
        this.#tellIdle();
      });
      done();
    });
    fastify.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.isDraining) void reply.header('connection', 'close');
      done();
    });
  }

  async onModuleDestroy(): Promise<void> {
    if (this.isDraining) return;
    this.#stage = 'requests';
    const { shutdownDelayMs, shutdownTimeoutMs } = this.options;
    const end = Date.now() + shutdownTimeoutMs * REQUESTS_SHARE;
    if (this.#server?.listening) {
      await sleep(shutdownDelayMs);
      await this.#stopListening(this.#server);
      this.#closeIdle();
      await this.#untilIdle(end - Date.now());
      await this.#cutRequests();
    }
    this.#stage = 'background work';
  }

  /** Of the root module: called before that of any module behind it, the database's included. */
  onApplicationShutdown(): void {
    this.#stage = 'database';
  }

  /**
   * The kernel resets connections that it has taken and we have not: so this waits for a turn of the event loop in which
   * nothing else was done, since all that waited was taken in it. Not `server.close()` of HTTP, which cuts kept-alive
   * connections whose next request has arrived and was not read yet.
   */
  async #stopListening(server: Server): Promise<void> {
    const end = performance.now() + QUIET_WITHIN_MS;
    let turn: number;
    do {
      turn = performance.now();
      await nextTurn();
    } while (performance.now() - turn > QUIET_MS && turn < end);
    TcpServer.prototype.close.call(server);
    if (this.#connections.size > 0) await sleep(LINGER_MS);
    await nextTurn();
    this.#isClosing = true;
  }

  #closeIdle(): void {
    for (const [socket, replies] of this.#connections) if (replies.size === 0) socket.destroySoon();
  }

  async #untilIdle(ms: number): Promise<void> {
    if (this.#underWay().length === 0) return;
    const late = new AbortController();
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.race([
      idle,
      sleep(Math.max(ms, 0), undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
  }

  #tellIdle(): void {
    if (this.#underWay().length === 0) this.#onIdle?.();
  }

  /** Says to whoever still waits that there will be no answer, and lets go of everybody. */
  async #cutRequests(): Promise<void> {
    const cut = this.#underWay();
    if (cut.length > 0) {
      this.#logger.warn({ event: 'requests_cut', requests: cut.map(routeOf) });
      for (const reply of cut) answerUnavailable(reply);
      await sleep(FLUSH_MS);
    }
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  /** Requests whose client is still there: nobody waits for another's. */
  #underWay(): FastifyReply[] {
    return [...this.#connections.values()].flatMap((replies) => [...replies]);
  }
}

function routeOf({ request }: FastifyReply): string {
  return `${request.method} ${request.routeOptions.url ?? 'none'}`;
}

/** Whatever the handler answers later goes nowhere. */
function answerUnavailable(reply: FastifyReply): void {
  const { raw, request } = reply;
  const problem = problemOf(new ShuttingDownError());
  noteCut(request, problem);
  if (raw.headersSent) {
    raw.destroy();
    return;
  }
  reply.hijack();
  const { headers, body } = answerOf(problem, request.routeOptions.url);
  raw.writeHead(problem.status, { ...headers, 'x-request-id': request.id, connection: 'close' });
  raw.end(JSON.stringify(body));
}
