import { jest } from '@jest/globals';
import * as real from '../../src/tenancy/thread-key.js';

/** Whether the derived thread id has the tenant in it; without, it is the caller's own id. */
export const threadKeys = { ofTenant: true };

// A module's exports cannot be spied on; import this file before anything of `src`.
jest.mock('../../src/tenancy/thread-key.js', () => ({
  threadKey: (tenant: string, thread: string) =>
    threadKeys.ofTenant ? real.threadKey(tenant, thread) : thread,
  threadOf: (tenant: string, key: string) => (threadKeys.ofTenant ? real.threadOf(tenant, key) : key),
}));
