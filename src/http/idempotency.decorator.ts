import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { ApiProblem } from './api.decorator.js';
import { ANSWER_VIEW, IDEMPOTENCY_KEY, IdempotencyInterceptor } from './idempotency.interceptor.js';

/**
 * A route that may be sent again under the same `Idempotency-Key`. What it calls has to remember its answer:
 * see `Idempotency.remember`.
 * @param view makes the body of the answer out of what is remembered, where the two differ
 */
export function AcceptsIdempotencyKey(view?: (answer: never) => unknown): MethodDecorator {
  return applyDecorators(
    SetMetadata(ANSWER_VIEW, view),
    UseInterceptors(IdempotencyInterceptor),
    ApiHeader({
      name: 'Idempotency-Key',
      description:
        'Sent again with the same key and body, the request changes nothing and gets the first answer again, ' +
        'with `Idempotency-Replayed: true`.',
      required: false,
      schema: { type: 'string', pattern: `^${IDEMPOTENCY_KEY}$` },
    }),
    ApiProblem(409, 'A request with this `Idempotency-Key` is still running; try again after `Retry-After`.'),
    ApiProblem(410, 'What was written under this `Idempotency-Key` has been deleted since.'),
    ApiProblem(422, 'This `Idempotency-Key` was used for another request.'),
  );
}
