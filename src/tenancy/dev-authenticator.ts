import { InvalidTenantError, TenantRequiredError } from '../errors.js';
import { Authenticator, SCOPES, type CredentialCarrier, type Identity } from './authenticator.js';
import { isTenantId } from './tenant-context.js';

/**
 * `AUTH_MODE=dev`: believes the header `X-Tenant-Id`. The settings allow it on a loopback listener only,
 * the service refuses it in production, and `loopback-only.ts` keeps web pages of others out.
 */
export class DevAuthenticator extends Authenticator {
  authenticate({ headers }: CredentialCarrier): Promise<Identity> {
    const tenantId = headers['x-tenant-id'];
    if (typeof tenantId !== 'string' || tenantId === '') return Promise.reject(new TenantRequiredError());
    if (!isTenantId(tenantId)) return Promise.reject(new InvalidTenantError());
    return Promise.resolve({ tenantId, actor: 'dev', scopes: new Set(SCOPES) });
  }
}
