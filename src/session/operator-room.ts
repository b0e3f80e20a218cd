import type { TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { currentTenant, TenantContext } from '../tenancy/tenant-context.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { TokenCounters } from '../tokens/token-counters.js';
import { Session } from './session.entity.js';

/** Whose doing it is in the audit log: of whoever may run commands on the database. */
const OPERATOR = 'operator';

/** What a command on the threads of a tenant works with. */
export interface OperatorRoom {
  readonly options: TriptychOptions;
  readonly database: Database;
  readonly tenants: TenantContext;
  readonly counter: TokenCounter;
  readonly audit: AuditLog;
  /** Takes a line about what is being done, for a person. */
  readonly tell: (line: string) => void;
  /** Takes a line about what could not be done. */
  readonly warn: (line: string) => void;
}

/** A thread that could not be done. */
export interface Problem {
  readonly threadId: string;
  readonly reason: string;
}

/**
 * Runs `work` in the scope of a tenant on the database of the settings, and closes it.
 * @throws StartupError when the database must not be used as it is; InvalidTenantError
 */
export async function asOperator<T>(
  { tenantId, ...given }: Pick<OperatorRoom, 'options' | 'tell' | 'warn'> & { readonly tenantId: string },
  work: (room: OperatorRoom) => Promise<T>,
): Promise<T> {
  const { options } = given;
  const database = await Database.open({ options, entities: [Session], tenantOfCaller: currentTenant });
  try {
    const tenants = new TenantContext();
    const audit = new AuditLog(database, tenants);
    const counter = new TokenCounters(options).default;
    const room = { ...given, database, tenants, counter, audit };
    return await tenants.run(tenantId, () => work(room), { actor: OPERATOR });
  } finally {
    await database.close();
  }
}

/** Says why a thread could not be done, and keeps it for the answer. */
export function problemOf({ warn }: OperatorRoom, threadId: string, error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  warn(`${JSON.stringify(threadId)}: failed: ${reason}`);
  return { threadId, reason };
}
