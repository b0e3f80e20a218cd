import { asOperator } from '../support/operator.js';
import type { TestDatabase } from '../support/engines.js';
import type { TestService } from '../support/service.js';

/** API keys of two tenants, and such as must not let anybody in. */
export interface Credentials {
  /** Of each tenant, one that may do everything. */
  readonly full: readonly string[];
  readonly readOnly: string;
  readonly writeOnly: string;
  readonly revoked: string;
  readonly expired: string;
}

export function issueCredentials(service: TestService, home: TestDatabase): Promise<Credentials> {
  return asOperator(service, home, async (registry) => {
    for (const tenantId of ['acme', 'blue']) await registry.create({ tenantId });
    const issue = async (tenant: string, more: object): Promise<{ key: string; keyId: string }> =>
      registry.createKey(tenant, more);
    const [acme, blue] = [
      await issue('acme', { scopes: ['admin'] }),
      await issue('blue', { scopes: ['admin'] }),
    ];
    const revoked = await issue('acme', { scopes: ['admin'] });
    await registry.revoke(revoked.keyId);
    return {
      full: [acme.key, blue.key],
      readOnly: (await issue('acme', { scopes: ['read'] })).key,
      writeOnly: (await issue('acme', { scopes: ['write'] })).key,
      revoked: revoked.key,
      expired: (await issue('acme', { scopes: ['admin'], expiresIn: 0 })).key,
    };
  });
}
