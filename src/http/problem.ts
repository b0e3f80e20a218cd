import { HttpException, HttpStatus, type Logger } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';
import { unavailabilityOf } from '../database/unavailable.js';
import { DatabaseUnavailableError, TriptychError } from '../errors.js';

/** A problem document (RFC 9457). `code` is stable; `detail` is for people. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  [extension: string]: unknown;
}

export const PROBLEM_JSON = 'application/problem+json; charset=utf-8';

/** Statuses that the HTTP layer itself answers, by its own stable codes. */
const CODES: Readonly<Record<number, string>> = {
  400: 'malformed_request',
  404: 'route_not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'body_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
};
export const HTTP_PROBLEM_CODES: readonly (readonly [number, string])[] = Object.entries(CODES).map(
  ([status, code]) => [Number(status), code],
);

/** Turns whatever was thrown into a problem; what nobody expected says nothing about itself. */
export function problemOf(error: unknown): Problem {
  if (error instanceof TriptychError)
    return problem(error.status, error.code, error.message, error.extensions);
  const away = unavailabilityOf(error);
  if (away !== undefined) return problemOf(new DatabaseUnavailableError(away));
  const status = statusOf(error);
  if (status !== undefined && status >= 400 && status < 500)
    return problem(status, CODES[status] ?? 'request_refused', (error as Error).message);
  return problem(
    HttpStatus.INTERNAL_SERVER_ERROR,
    'internal_error',
    'Something went wrong in the service; its log has the cause under the same request id.',
  );
}

/** The problem of whatever was thrown; one of the service itself is logged. */
export function loggedProblem(logger: Logger, error: unknown, requestId?: string): Problem {
  const problem = problemOf(error);
  if (problem.status >= 500)
    // Parameters of a failed statement hold content, so only the stack is kept.
    logger.error({
      event: 'request_failed',
      ...(requestId !== undefined && { requestId }),
      code: problem.code,
      stack: error instanceof Error ? error.stack : String(error),
    });
  return problem;
}

/** What Node's HTTP parser refused before there was a request, as a whole answer for the socket. */
export function refusalOf({ code }: NodeJS.ErrnoException): string {
  const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[code ?? ''] ?? 400;
  const refusal = problem(
    status,
    CODES[status] ?? 'malformed_request',
    'The request is not acceptable HTTP.',
  );
  const body = JSON.stringify(refusal);
  return [
    `HTTP/1.1 ${status} ${refusal.title}`,
    `Content-Type: ${PROBLEM_JSON}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** Nest's exceptions carry their status in a method, Fastify's errors in a member. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
}

function problem(status: number, code: string, detail: string, extensions: object = {}): Problem {
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: `urn:triptych:problem:${code}`, title, status, code, detail, ...extensions };
}
