import { StartupError } from '../errors.js';
import { RUNTIME_ROLE, WORKER_ROLE } from './data-source-options.js';
import { RULES } from './isolation-rules.sql.js';
import { MIGRATE_COMMAND, type Query } from './preflight.js';

interface Finding {
  object: string;
  rule: string;
}

/** The one form of a tenant's policy; anything wider is a hole, so it is compared word for word. */
const POLICY = `(tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))`;

/**
 * Reads the catalogue, as the role that serves requests, for anything that could show one tenant the rows
 * of another.
 * @throws StartupError that names each table and the rule it breaks
 */
export async function checkIsolation(query: Query): Promise<void> {
  const findings = await query<Finding & { [column: string]: unknown }>(RULES, [
    RUNTIME_ROLE,
    POLICY,
    WORKER_ROLE,
  ]);
  if (findings.length === 0) return;
  const lines = findings.map(({ object, rule }) => `  ${object}: ${rule}`);
  throw new StartupError(
    `The database does not keep tenants apart as it must:\n${lines.join('\n')}\n` +
      `Undo what was changed by hand, or run ${MIGRATE_COMMAND} on a schema that the migrations made.`,
  );
}
