import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerOf } from './problem-answer.js';
import { loggedProblem } from './problem.js';
import { noteProblem } from './request-telemetry.js';

/** Answers every error of every route as `application/problem+json`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = loggedProblem(this.#logger, error, request.id);
    noteProblem(request, problem.code);
    if (reply.sent) return;
    const { headers, body } = answerOf(problem, request.routeOptions.url);
    void reply.status(problem.status).headers(headers).send(body);
  }
}
