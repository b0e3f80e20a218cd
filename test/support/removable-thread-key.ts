import { jest } from '@jest/globals';
import type * as TenantOfKey from '../../src/session/tenant-of-key.js';
import * as real from '../../src/tenancy/thread-key.js';

/** Whether the derived thread id has the tenant in it; without, it is the caller's own id. */
export const threadKeys = { ofTenant: true };

// A module's exports cannot be spied on; import this file before anything of `src`.
jest.mock('../../src/tenancy/thread-key.js', () => ({
  threadKey: (tenant: string, thread: string) =>
    threadKeys.ofTenant ? real.threadKey(tenant, thread) : thread,
  threadOf: (tenant: string, key: string) => (threadKeys.ofTenant ? real.threadOf(tenant, key) : key),
}));

// Where the id has no tenant in it, the statements cannot say one either: a row is that of whoever writes it.
jest.mock('../../src/session/tenant-of-key.js', () => {
  const { tenantOfKey } = jest.requireActual<typeof TenantOfKey>('../../src/session/tenant-of-key.js');
  const has = (key: string): string => String.raw`${key} ~ '^\d+:'`;
  const setting = `nullif(current_setting('app.tenant_id', true), '')`;
  return {
    tenantOfKey: (key: string) => `CASE WHEN ${has(key)} THEN ${tenantOfKey(key)} ELSE ${setting} END`,
    isOfTenant: (column = 'tenant_id') =>
      `CASE WHEN ${has('$1')} THEN ${column} = ${tenantOfKey('$1')} ELSE true END`,
  };
});
