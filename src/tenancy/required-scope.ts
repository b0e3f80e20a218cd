import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import 'reflect-metadata';
import { ForbiddenError } from '../errors.js';
import type { Identity, Scope } from './authenticator.js';

const REQUIRED_SCOPE = 'triptych:required-scope';

/** Names the scope of a route whose HTTP method does not tell it, such as a search by POST. */
export const RequireScope = (scope: Scope): CustomDecorator => SetMetadata(REQUIRED_SCOPE, scope);

/**
 * The scope that a route asks for: the one it names, else `read` for GET and HEAD and `write` for anything
 * else, so that a new route is never open to readers by omission.
 * @param handler the controller's method
 * @param httpMethod in capitals
 */
export function requiredScope(handler: object, httpMethod: string): Scope {
  const named = Reflect.getMetadata(REQUIRED_SCOPE, handler) as Scope | undefined;
  return named ?? (httpMethod === 'GET' || httpMethod === 'HEAD' ? 'read' : 'write');
}

/** @throws ForbiddenError when the credential has neither the scope nor `admin` */
export function checkScope({ scopes }: Identity, scope: Scope): void {
  if (!scopes.has(scope) && !scopes.has('admin'))
    throw new ForbiddenError(`This needs a credential with the scope ${scope}.`);
}
