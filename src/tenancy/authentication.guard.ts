import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Authenticator, type CredentialCarrier, type Identity } from './authenticator.js';
import { checkScope, requiredScope } from './required-scope.js';
import { TenantLimits } from './tenant-limits.js';

/** What the guard found out about each request; only this file writes it, so no client can. */
const identities = new WeakMap<object, Identity>();

/** Who sends a request, as the guard authenticated it. */
export function identityOf(request: object): Identity | undefined {
  return identities.get(request);
}

/**
 * Lets a request in when its credential is good, its tenant is within its limits, and the credential has
 * the scope of the route. Guards run before interceptors, so the scope itself is opened by
 * `TenantInterceptor`.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly limits: TenantLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<CredentialCarrier & { method: string }>();
    const identity = await this.authenticator.authenticate(request);
    await this.limits.admit(identity.tenantId);
    checkScope(identity, requiredScope(context.getHandler(), request.method));
    identities.set(request, identity);
    return true;
  }
}
