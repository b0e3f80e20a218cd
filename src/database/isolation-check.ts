import { StartupError } from '../errors.js';
import { RUNTIME_ROLE } from './data-source-options.js';
import type { Query } from './preflight.js';

interface Finding {
  object: string;
  rule: string;
}

/** Every table of the two schemas, with what the catalogue says of its policies and keys. */
const TABLES = `
  WITH tables AS (
    SELECT c.oid AS id, c.oid::regclass::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
           n.nspname AS schema, pg_get_userbyid(c.relowner) AS owner,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS of_tenants
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('shared', 'checkpoints') AND c.relkind IN ('r', 'p')
  )`;

/** The one form of a tenant's policy; anything wider is a hole, so it is compared word for word. */
const POLICY = `(tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))`;

const RULES = `${TABLES}
  SELECT name AS object, 'row-level security is not enabled and forced' AS rule
    FROM tables WHERE NOT (enabled AND forced)
  UNION ALL
  SELECT name, 'it has no column tenant_id, and the runtime role may write to it'
    FROM tables
   WHERE NOT of_tenants AND (has_table_privilege($1::name, id, 'INSERT') OR has_table_privilege($1::name, id, 'UPDATE')
      OR has_table_privilege($1::name, id, 'DELETE'))
  UNION ALL
  SELECT name, 'it has no policy that binds the runtime role to the tenant'
    FROM tables
   WHERE of_tenants AND NOT EXISTS (
     SELECT FROM pg_policy WHERE polrelid = id AND polcmd = '*' AND polpermissive AND polroles = '{0}'
        AND pg_get_expr(polqual, polrelid) = $2 AND pg_get_expr(polwithcheck, polrelid) = $2)
  UNION ALL
  SELECT name, 'the policy ' || polname || ' shows more than the rows of the tenant'
    FROM tables JOIN pg_policy ON polrelid = id
   WHERE of_tenants AND polpermissive AND (polroles = '{0}' OR EXISTS (
           SELECT FROM unnest(polroles) AS r WHERE pg_has_role($1::name, r, 'USAGE')))
     AND (coalesce(pg_get_expr(polqual, polrelid), $2) <> $2
       OR coalesce(pg_get_expr(polwithcheck, polrelid), $2) <> $2)
  UNION ALL
  SELECT name, 'the key ' || conname || ' does not begin with tenant_id'
    FROM tables JOIN pg_constraint k ON conrelid = id AND contype IN ('p', 'u', 'f')
    JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]
   WHERE of_tenants AND attname <> CASE WHEN schema = 'checkpoints' THEN 'thread_id' ELSE 'tenant_id' END
  UNION ALL
  SELECT name, 'the unique index ' || indexrelid::regclass || ' does not begin with tenant_id'
    FROM tables JOIN pg_index i ON indrelid = id AND (indisunique OR indisexclusion)
    LEFT JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = indkey[0] -- an expression has none
   WHERE of_tenants
     AND attname IS DISTINCT FROM CASE WHEN schema = 'checkpoints' THEN 'thread_id' ELSE 'tenant_id' END
  UNION ALL
  SELECT name, 'the runtime role may TRUNCATE it' FROM tables WHERE has_table_privilege($1::name, id, 'TRUNCATE')
  UNION ALL
  SELECT name, 'the runtime role may change or delete what was recorded'
    FROM tables
   WHERE name = 'shared.audit_log'
     AND (has_table_privilege($1::name, id, 'UPDATE') OR has_table_privilege($1::name, id, 'DELETE'))
  UNION ALL
  SELECT name, 'the runtime role is its owner' FROM tables WHERE pg_has_role($1::name, owner, 'USAGE')
  UNION ALL
  SELECT c.oid::regclass::text, 'a view reads with the rights of its owner, past the policies'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE (n.nspname IN ('shared', 'checkpoints') OR EXISTS (
           SELECT FROM pg_rewrite w
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
             JOIN tables ON d.refclassid = 'pg_class'::regclass AND d.refobjid = id
            WHERE w.ev_class = c.oid AND of_tenants))
     AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false))
  UNION ALL
  SELECT p.oid::regprocedure::text, 'a function runs with the rights of its owner (SECURITY DEFINER)'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname IN ('shared', 'checkpoints') AND p.prosecdef
  UNION ALL
  SELECT rolname, 'the runtime role is a superuser or bypasses row-level security'
    FROM pg_roles WHERE rolname = $1::name AND (rolsuper OR rolbypassrls)
  UNION ALL
  SELECT current_user::text, 'requests are served as this role and not as ' || $1::text WHERE current_user <> $1::name
  ORDER BY 1, 2`;

/**
 * Reads the catalogue, as the role that serves requests, for anything that could show one tenant the rows
 * of another.
 * @throws StartupError that names each table and the rule it breaks
 */
export async function checkIsolation(query: Query): Promise<void> {
  const findings = await query<Finding & { [column: string]: unknown }>(RULES, [RUNTIME_ROLE, POLICY]);
  if (findings.length === 0) return;
  const lines = findings.map(({ object, rule }) => `  ${object}: ${rule}`);
  throw new StartupError(
    `The database does not keep tenants apart as it must:\n${lines.join('\n')}\n` +
      'Undo what was changed by hand, or run `npm run migration:run` on a schema that the migrations made.',
  );
}
