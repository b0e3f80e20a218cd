import { HttpException } from '@nestjs/common';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import type { ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { TriptychOptions } from '../config/options.js';

/** Of all headers and the request line together, in bytes; Node's own default. */
const MAX_HEADER_SIZE = 16_384;
const MAX_HEADERS = 100;
/** How often Node looks for requests that take too long. */
const CHECK_EVERY_MS = 1_000;
/** A client that takes no byte of its answer for so long, in milliseconds, and as long as a request may wait for embeddings. */
const STALLED_MS = 120_000;

type ServerLimits = Pick<FastifyServerOptions, 'bodyLimit' | 'requestTimeout' | 'connectionTimeout'> & {
  http: ServerOptions;
};

/** A client has so long to read why its request was refused. */
const LAST_WORDS_MS = 1_000;

/** What Node's server is told, so that no client holds a connection by sending slowly, or by not reading. */
export function serverLimits({ http, embeddings }: TriptychOptions): ServerLimits {
  const requestTimeout = http.requestTimeoutMs;
  return {
    bodyLimit: http.bodyLimit,
    requestTimeout,
    connectionTimeout: STALLED_MS + embeddings.timeoutMs,
    http: {
      requestTimeout,
      headersTimeout: requestTimeout / 2,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: MAX_HEADER_SIZE,
    },
  };
}

/**
 * Refuses, before a byte of the body is read, what would not be read as it was meant: a body that is compressed, which is
 * never inflated, one in another character set than UTF-8, and more headers than anybody needs.
 */
export function refuseUnreadable(server: FastifyInstance): void {
  // Beyond this Node leaves headers out without a word; one more than is accepted shows that there were too many.
  server.server.maxHeadersCount = MAX_HEADERS + 1;
  server.addHook('onRequest', ({ headers, raw }, reply, done) => {
    const { 'content-encoding': coding = 'identity', 'content-type': type = '' } = headers;
    if (raw.rawHeaders.length / 2 > MAX_HEADERS)
      done(new HttpException(`A request has at most ${MAX_HEADERS} headers.`, 431));
    else if (coding.trim().toLowerCase() !== 'identity') {
      void reply.header('accept-encoding', 'identity');
      done(new HttpException('The body is compressed. Send it as it is, without Content-Encoding.', 415));
    } else if (!isUtf8(type)) done(new HttpException('The body is not UTF-8. Send JSON in UTF-8.', 415));
    else done();
  });
}

/**
 * Answers while the client still sends: cut at once, as Node would do, the connection is reset and the answer may be
 * lost with it. So what comes is read on, and thrown away.
 */
export function answerBeforeTheEnd(server: FastifyInstance): void {
  server.addHook('onSend', ({ raw }, _reply, _payload, done) => {
    if (!raw.complete)
      raw.socket.destroySoon = () => {
        endSoftly(raw.socket);
      };
    done();
  });
}

/** Closes a connection from which more may come than is wanted. */
export function endSoftly(socket: Socket): void {
  socket.end();
  setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
}

/** JSON between systems is UTF-8 (RFC 8259, section 8.1); ASCII is a part of it. */
function isUtf8(contentType: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType)?.[1];
  return charset === undefined || ['utf-8', 'utf8', 'us-ascii'].includes(charset.toLowerCase());
}
