import type { RunnableConfig } from '@langchain/core/runnables';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { threadKey, threadOf } from '../tenancy/thread-key.js';
import { threadIdOf } from './checkpoint-config.js';
import { requireThreadId } from './thread-id.js';

/** The threads of the tenant in scope, and the ids under which LangGraph's tables know them. */
export class TenantThreads {
  constructor(private readonly tenants: TenantContext) {}

  /** @throws TenantRequiredError outside of a tenant's scope */
  get tenantId(): string {
    return this.tenants.require();
  }

  /** What the stored ids of all threads of the tenant begin with, and nobody else's. */
  get prefix(): string {
    return threadKey(this.tenantId, '');
  }

  /** @throws TenantRequiredError; InvalidInputError when it is no thread's id */
  keyOf(threadId: string | undefined): string {
    const { tenantId } = this;
    requireThreadId(threadId, 'thread_id');
    return threadKey(tenantId, threadId);
  }

  /** A caller's configuration, with the stored id in the place of the thread's. */
  stored(config: RunnableConfig): RunnableConfig {
    return {
      ...config,
      configurable: { ...config.configurable, thread_id: this.keyOf(threadIdOf(config)) },
    };
  }

  /** A stored configuration, as the tenant sees it. */
  named(config: RunnableConfig): RunnableConfig {
    const key = config.configurable?.['thread_id'] as string;
    const thread_id = threadOf(this.tenantId, key);
    if (thread_id === undefined) throw new Error('A checkpoint of another tenant was read.');
    return { ...config, configurable: { ...config.configurable, thread_id } };
  }
}
