import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import 'reflect-metadata';
import { lastValueFrom, of, type Observable } from 'rxjs';
import { InvalidInputError } from '../errors.js';
import { FirstAnswer, Idempotency, type IdempotentRequest } from '../tenancy/idempotency.js';
import { requestHash } from './idempotency-hash.js';

/** The metadata of a handler that makes the body of its answer out of what its tier remembers. */
export const ANSWER_VIEW = 'triptych:answer-view';
export const IDEMPOTENCY_KEY = '[\\x21-\\x7e]{1,255}';
const KEY = new RegExp(`^${IDEMPOTENCY_KEY}$`);

/**
 * Gives the first answer again to a request whose `Idempotency-Key` was answered before. It opens no unit of
 * work around the handler, which embeds and serialises before it takes a connection.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly idempotency: Idempotency) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const key = request.headers['idempotency-key'];
    if (key === undefined) return next.handle();
    // Several headers are one text with ", " between them, and a space is refused.
    if (typeof key !== 'string' || !KEY.test(key))
      throw new InvalidInputError([
        { field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' },
      ]);
    const outcome = await this.idempotency.once(
      {
        key,
        hash: requestHash(request),
        // Nest sets the status of the route before it calls an interceptor.
        status: reply.statusCode,
        view: Reflect.getMetadata(ANSWER_VIEW, context.getHandler()) as IdempotentRequest['view'],
      },
      // Called in the scope of the key, since a handler runs in the scope in which `handle` was called.
      () => lastValueFrom<unknown, undefined>(next.handle(), { defaultValue: undefined }),
    );
    if (!(outcome instanceof FirstAnswer)) return of(outcome);
    void reply.status(outcome.status).header('idempotency-replayed', 'true');
    if (outcome.body === null) return of(undefined);
    // A text under this type is sent as it is.
    void reply.header('content-type', 'application/json; charset=utf-8');
    return of(outcome.body);
  }
}
