import type { RunnableConfig } from '@langchain/core/runnables';
import { validate } from '@langchain/langgraph-checkpoint-validation';
import { expect } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import { Session } from '../src/session/session.entity.js';
import { SessionStore } from '../src/session/session-store.js';
import { AuditLog } from '../src/tenancy/audit-log.js';
import { Idempotency } from '../src/tenancy/idempotency.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { TiktokenCounter } from '../src/tokens/tiktoken-counter.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';

// LangGraph's public conformance suite is written for Vitest; this is all it needs of it.
Object.assign(expect, { soft: expect });
Logger.overrideLogger(false);

describeOnEachEngine('checkpointer conformance', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;
  const tenants = new TenantContext();
  let checkpointers = 0;

  validate({
    checkpointerName: 'TenantCheckpointer',
    beforeAllTimeout: 300_000,
    async beforeAll() {
      home = await createDatabase();
      const options = checkOptions({ database: home.settings });
      database = await Database.open({
        options,
        entities: [Session, MemoryEntry],
        tenantOfCaller: currentTenant,
        seed: home.seed,
      });
    },
    async afterAll() {
      await database.close();
      await home.drop();
    },
    createCheckpointer() {
      const sessions = new SessionStore(
        database,
        tenants,
        new TiktokenCounter('cl100k_base'),
        new AuditLog(database, tenants),
        new Idempotency(database, tenants),
      );
      // The suite expects each of its checkpointers to begin with an empty store.
      return inTenant(sessions.checkpointer, tenants, `conformance-${(checkpointers += 1)}`);
    },
  });
});

/** The suite knows no tenants: each of its calls is made in the scope of one. */
function inTenant<T extends object>(checkpointer: T, tenants: TenantContext, tenant: string): T {
  return new Proxy(checkpointer, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key === 'list')
        return async function* (...given: [RunnableConfig, object]) {
          const collect = async (): Promise<unknown[]> => {
            const tuples: unknown[] = [];
            for await (const tuple of value.apply(target, given) as AsyncIterable<unknown>)
              tuples.push(tuple);
            return tuples;
          };
          yield* await tenants.run(tenant, collect);
        };
      return (...given: unknown[]) => tenants.run(tenant, () => value.apply(target, given) as unknown);
    },
  });
}
