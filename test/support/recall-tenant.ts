import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { LongTermMemory } from '../../src/memory/long-term-memory.js';
import type { MemoryEntry } from '../../src/memory/memory-entry.entity.js';
import type { SearchOptions } from '../../src/memory/memory-query.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import type { TestDatabase } from './engines.js';
import { TestService } from './service.js';

/** A service for the tests of one block, and in it a new tenant for each test. */
export class RecallTenant {
  service: TestService;
  memory: LongTermMemory;
  id: string;

  private constructor() {}

  /** Call it where a block describes its tests. */
  static forEachTest(createDatabase: () => Promise<TestDatabase>): RecallTenant {
    const tenant = new RecallTenant();
    let home: TestDatabase;
    let count = 0;
    beforeAll(async () => {
      home = await createDatabase();
      // A search may embed hundreds of messages first, and none is to be without them on a slow machine.
      tenant.service = await TestService.start(home, { recall: { timeoutMs: 120_000 } });
      tenant.memory = tenant.service.app.get(LongTermMemory);
    });
    afterAll(async () => {
      await tenant.service.stop();
      await home.drop();
    });
    beforeEach(() => {
      tenant.id = `tenant-${(count += 1)}`;
    });
    return tenant;
  }

  /** Within the scope of the tenant, or of another. */
  as<T>(work: () => Promise<T>, who = this.id): Promise<T> {
    return this.service.app.get(TenantContext).run(who, work);
  }

  /** A memory of the agent `a`, unless `more` says otherwise. */
  store(content: string, more: object = {}): Promise<MemoryEntry> {
    return this.as(() => this.memory.store({ agentId: 'a', content, ...more }));
  }

  /** The contents of what is found, best first. */
  async find(query: string, options: SearchOptions = {}): Promise<string[]> {
    return (await this.as(() => this.memory.search(query, options))).map((found) => found.memory.content);
  }
}
