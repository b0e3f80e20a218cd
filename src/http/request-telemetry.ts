import { Logger } from '@nestjs/common';
import { context, propagation, SpanKind, SpanStatusCode, type Context, type Span } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { inRequest, traceIdOf, type Correlation } from '../telemetry/correlation.js';
import { startSpan } from '../telemetry/spans.js';
import type { Problem } from './problem.js';

/** A request that came; by its route pattern, since a path holds ids. */
export interface BegunRequest {
  readonly method: string;
  /** `none` where no route is meant. */
  readonly route: string;
}

export interface AnsweredRequest extends BegunRequest {
  /** 499 when the client was gone before there was a whole answer. */
  readonly status: number;
  readonly ms: number;
  /** Of the problem document that it was answered with. */
  readonly code?: string | undefined;
  /** Whether the answer was the first one of its Idempotency-Key. */
  readonly isReplay: boolean;
}

/** Is told of each request. */
export interface RequestListener {
  begun(request: BegunRequest): void;
  answered(request: AnsweredRequest): void;
}

interface RequestUnderWay extends BegunRequest {
  readonly began: number;
  readonly correlation: Correlation;
  readonly span: Span;
  readonly within: Context;
  code?: string;
  /** The status under which the service ended it before its answer was whole. */
  cutWith?: number;
}

/** As nginx says of a client that closed the connection. */
const CLIENT_GONE = 499;
/** Asked every few seconds by machines. */
const QUIET_ROUTES = /^\/(health|metrics)(\/|$)/;

const underWay = new WeakMap<FastifyRequest, RequestUnderWay>();

/** Says with which problem a request is answered. */
export function noteProblem(request: FastifyRequest, code: string): void {
  const found = underWay.get(request);
  if (found && found.cutWith === undefined) found.code = code;
}

/** Says that the service ends a request with this problem, though its answer be half sent: no client is gone then. */
export function noteCut(request: FastifyRequest, { code, status }: Problem): void {
  const found = underWay.get(request);
  if (found) Object.assign(found, { code, cutWith: status });
}

/**
 * Gives each request a line of the log and a span, and its work a context of which every other line and span is part. To be
 * called before any other hook: what those refuse is a request too.
 * @returns what begins it for a request that meets no hook
 */
export function watchRequests(
  server: FastifyInstance,
  listener?: RequestListener,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const logger = new Logger('Http');
  const watch = (request: FastifyRequest, reply: FastifyReply): RequestUnderWay => {
    const begun = begin(request);
    underWay.set(request, begun);
    listener?.begun(begun);
    // Of a client that is gone nobody but the connection tells.
    reply.raw.once('close', () => {
      finish(request, reply, reply.raw.writableFinished ? reply.statusCode : CLIENT_GONE);
    });
    return begun;
  };
  server.addHook('onRequest', (request, reply, done) => {
    enter(watch(request, reply), done);
  });
  // A body is read in events of the connection, which know nothing of the request.
  server.addHook('preValidation', (request, _reply, done) => {
    const found = underWay.get(request);
    if (found) enter(found, done);
    else done();
  });
  server.addHook('onResponse', (request, reply, done) => {
    finish(request, reply, reply.statusCode);
    done();
  });
  return (request, reply) => {
    watch(request, reply);
  };

  function finish(request: FastifyRequest, reply: FastifyReply, status: number): void {
    const begun = underWay.get(request);
    if (!begun) return;
    underWay.delete(request);
    const answered = answerOf(begun, reply, begun.cutWith ?? status);
    listener?.answered(answered);
    inRequest(begun.correlation, () => {
      context.with(begun.within, () => {
        tellOf(logger, answered);
      });
    });
    endSpan(begun.span, answered);
  }
}

function begin({ id, method, routeOptions, headers }: FastifyRequest): RequestUnderWay {
  const route = routeOptions.url ?? 'none';
  const { span, within } = startSpan(
    route === 'none' ? method : `${method} ${route}`,
    { kind: SpanKind.SERVER, attributes: { 'http.request.method': method, 'http.route': route } },
    propagation.extract(context.active(), headers),
  );
  const correlation = { requestId: id, traceId: traceIdOf(headers.traceparent) };
  return { method, route, began: performance.now(), correlation, span, within };
}

function enter({ correlation, within }: RequestUnderWay, work: () => void): void {
  inRequest(correlation, () => {
    context.with(within, work);
  });
}

function answerOf(
  { method, route, began, code }: RequestUnderWay,
  reply: FastifyReply,
  status: number,
): AnsweredRequest {
  const isReplay = reply.getHeader('idempotency-replayed') !== undefined;
  return { method, route, status, ms: performance.now() - began, code, isReplay };
}

/** Nothing of the path, the query, the headers or the bodies; the tenant stands in the lines of what was done. */
function tellOf(logger: Logger, { method, route, status, ms, code }: AnsweredRequest): void {
  const line = { event: 'request', method, route, status, ms: Math.round(ms * 10) / 10, code };
  if (status >= 500) logger.error(line);
  else if (QUIET_ROUTES.test(route)) logger.debug(line);
  else if (status >= 400) logger.warn(line);
  else logger.log(line);
}

function endSpan(span: Span, { status, code }: AnsweredRequest): void {
  span.setAttribute('http.response.status_code', status);
  if (code !== undefined) span.setAttribute('triptych.problem', code);
  if (status >= 500) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute('error.type', code ?? String(status));
  }
  span.end();
}
