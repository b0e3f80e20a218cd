import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { TenantRequiredError } from '../errors.js';

interface Request {
  headers: Record<string, string | string[] | undefined>;
}

/** What the guard found out about each request; only this file writes it, so no client can. */
const identities = new WeakMap<object, string>();

/** The tenant that the guard authenticated for a request. */
export function tenantOf(request: object): string | undefined {
  return identities.get(request);
}

/**
 * Reads the tenant off the credential. Guards run before interceptors, so the scope itself is opened by
 * `TenantInterceptor`. `AUTH_MODE=dev` trusts the header `X-Tenant-Id`; the settings allow that mode on a
 * loopback listener only.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const tenant = request.headers['x-tenant-id'];
    if (typeof tenant !== 'string' || tenant === '') throw new TenantRequiredError();
    identities.set(request, tenant);
    return true;
  }
}
