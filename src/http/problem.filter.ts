import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JSON_RPC_PATH, jsonRpcProblem } from './json-rpc.js';
import { PROBLEM_JSON, problemOf } from './problem.js';
import { noteProblem } from './request-telemetry.js';

/** Seconds after which a client may try again when a part of the service is away. */
const RETRY_AFTER = '5';

/** Answers every error of every route as `application/problem+json`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = problemOf(error);
    noteProblem(request, problem.code);
    if (problem.status >= 500) {
      const cause = error instanceof Error ? error : new Error(String(error));
      // Parameters of a failed statement hold content, so only the stack is kept.
      this.#logger.error({
        event: 'request_failed',
        requestId: request.id,
        code: problem.code,
        stack: cause.stack,
      });
    }
    if (reply.sent) return;
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
    if (problem.status === 503) void reply.header('retry-after', RETRY_AFTER);
    if (typeof problem['retryAfter'] === 'number')
      void reply.header('retry-after', String(problem['retryAfter']));
    void reply.status(problem.status);
    if (request.routeOptions.url === JSON_RPC_PATH)
      void reply.header('content-type', 'application/json').send(jsonRpcProblem(problem));
    else void reply.header('content-type', PROBLEM_JSON).send(problem);
  }
}
