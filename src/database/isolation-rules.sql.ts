/** A name that one of the schemas qualifies: `shared.sessions`, `"shared" . "x"`, `shared.%I`; not «shared. Then». */
const NAME_OF_OURS = String.raw`\m(shared|checkpoints)("\s*\.|\s*\.\S)`;
const PATH_TO_OURS = String.raw`^search_path=.*\m(shared|checkpoints)\M`;

/** In LangGraph's tables the thread id stands for the tenant, from which it is derived; the tenant itself may, too. */
const FIRST_OF_KEY = `CASE WHEN schema = 'checkpoints' THEN 'thread_id' ELSE 'tenant_id' END`;

/**
 * What the catalogue says: the tables of both schemas; the relations that lead to their rows, through any
 * number of views; the functions that do so by what they depend on, which PostgreSQL knows of arguments,
 * results and bodies in `BEGIN ATOMIC`, and not of bodies in a text. Names are put together, since `regclass` leaves out a
 * schema that is in the search path, and rules compare them.
 */
const CATALOGUE = `
  WITH RECURSIVE tables AS (
    SELECT c.oid AS id, n.nspname || '.' || c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
           n.nspname AS schema, pg_get_userbyid(c.relowner) AS owner,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS of_tenants
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('shared', 'checkpoints') AND c.relkind IN ('r', 'p')
  ), relations (id) AS (
    SELECT id FROM tables WHERE of_tenants
    UNION
    SELECT c.oid
      FROM relations
      JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = id AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite w ON w.oid = d.objid
      JOIN pg_class c ON c.oid = w.ev_class AND c.relkind IN ('v', 'm')
  ), row_types (id) AS (
    SELECT t.oid FROM relations r JOIN pg_type t ON t.typrelid = r.id
    UNION ALL
    SELECT t.typarray FROM relations r JOIN pg_type t ON t.typrelid = r.id
  ), functions (id) AS (
    SELECT d.objid FROM pg_depend d
     WHERE d.classid = 'pg_proc'::regclass
       AND (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT id FROM relations)
         OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT id FROM row_types))
    UNION
    SELECT d.objid
      FROM functions
      JOIN pg_depend d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = id AND d.classid = 'pg_proc'::regclass
  )`;

/** The one form of a tenant's policy, as this session would print it: a role may have set that every name is quoted. */
const FORM = `CASE WHEN current_setting('quote_all_identifiers')::bool
        THEN '("tenant_id" = NULLIF("current_setting"(''app.tenant_id''::"text", true), ''''::"text"))' ELSE $2::text END`;

/** Rights that a request never needs on tables that have a tenant, each with what it would allow. */
const RESERVED = `(VALUES
    ('shared.audit_log', 'UPDATE', 'change or delete what was recorded'),
    ('shared.audit_log', 'DELETE', 'change or delete what was recorded'),
    ('shared.usage', 'DELETE', 'reset what was used of a quota'),
    ('shared.rate_buckets', 'DELETE', 'reset what was used of a rate'),
    ('shared.tenants', 'INSERT', 'write to it'), ('shared.tenants', 'UPDATE', 'write to it'),
    ('shared.tenants', 'DELETE', 'write to it'),
    ('shared.api_keys', 'INSERT', 'write to it'), ('shared.api_keys', 'UPDATE', 'write to it'),
    ('shared.api_keys', 'DELETE', 'write to it')) AS reserved (name, privilege, deed)`;

/** A right to one column is one to the table here; to delete there is none by column. */
const may = (privilege: string): string =>
  `CASE ${privilege} WHEN 'DELETE' THEN has_table_privilege($1::name, id, 'DELETE')
        ELSE has_any_column_privilege($1::name, id, ${privilege}) END`;

/** All that the role of the background worker may read. */
const WORKERS = `(VALUES
    ('shared.pending_embeddings', 'tenant_id'), ('shared.pending_embeddings', 'space'),
    ('shared.pending_embeddings', 'due_at'), ('shared.pending_embeddings', 'parked_at'),
    ('shared.recall_settings', 'tenant_id'), ('shared.recall_settings', 'space'),
    ('shared.recall_settings', 'next_space')) AS workers (name, col)`;

/**
 * What the role of the background worker may do beyond reading those columns. Its rights are those of everybody
 * (PUBLIC), too.
 */
const WORKER_RULES = `
  SELECT DISTINCT name, 'the role ' || $3::text || ' may ' || privilege || ' more of it than when something is due, and in which space'
    FROM tables, (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) AS any_of (privilege), pg_attribute a,
         pg_roles w
   WHERE w.rolname = $3::name AND a.attrelid = id AND a.attnum > 0 AND NOT a.attisdropped
     AND has_column_privilege(w.oid, id, a.attnum, privilege)
     AND NOT (privilege = 'SELECT' AND (name, a.attname::text) IN (SELECT name, col FROM ${WORKERS}))
  UNION ALL
  SELECT DISTINCT name, 'the role ' || $3::text || ' may ' || privilege || ' it'
    FROM tables, (VALUES ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS any_of (privilege), pg_roles w
   WHERE w.rolname = $3::name AND has_table_privilege(w.oid, id, privilege)
  UNION ALL
  SELECT rolname, 'the role of the background worker is a superuser, bypasses row-level security or may log in'
    FROM pg_roles WHERE rolname = $3::name AND (rolsuper OR rolbypassrls OR rolcanlogin)
  UNION ALL
  SELECT $3::text, 'the role of the background worker is a member of ' || g.rolname
    FROM pg_auth_members m JOIN pg_roles w ON w.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
   WHERE w.rolname = $3::name
  UNION ALL
  SELECT $1::text, 'the runtime role is a member of ' || w.rolname || ', which sees of every tenant what is due'
    FROM pg_roles w WHERE w.rolname = $3::name AND pg_has_role($1::name, w.oid, 'MEMBER')
  UNION ALL
  SELECT $3::text, 'the role of the background worker is missing'
   WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = $3::name)`;

/**
 * Rows of `object` and the `rule` that it breaks; $1 is the runtime role, $2 the one form of a tenant's policy, $3 the
 * role of the background worker.
 */
export const RULES = `${CATALOGUE}
  SELECT name AS object, 'row-level security is not enabled and forced' AS rule
    FROM tables WHERE NOT (enabled AND forced)
  UNION ALL
  SELECT DISTINCT name, 'it has no column tenant_id, and the runtime role may write to it'
    FROM tables, (VALUES ('INSERT'), ('UPDATE'), ('DELETE')) AS writing (privilege)
   WHERE NOT of_tenants AND ${may('privilege')}
  UNION ALL
  SELECT DISTINCT name, 'the runtime role may ' || deed FROM tables JOIN ${RESERVED} USING (name)
   WHERE ${may('privilege')}
  UNION ALL
  SELECT name, 'it has no policy that binds the runtime role to the tenant'
    FROM tables
   WHERE of_tenants AND NOT EXISTS (
     SELECT FROM pg_policy WHERE polrelid = id AND polcmd = '*' AND polpermissive AND polroles = '{0}'
        AND pg_get_expr(polqual, polrelid) = ${FORM} AND pg_get_expr(polwithcheck, polrelid) = ${FORM})
  UNION ALL
  SELECT name, 'the policy ' || polname || ' shows more than the rows of the tenant'
    FROM tables JOIN pg_policy ON polrelid = id
   WHERE of_tenants AND polpermissive AND (polroles = '{0}' OR EXISTS (
           SELECT FROM unnest(polroles) AS r WHERE pg_has_role($1::name, r, 'USAGE')))
     AND (coalesce(pg_get_expr(polqual, polrelid), ${FORM}) <> ${FORM}
       OR coalesce(pg_get_expr(polwithcheck, polrelid), ${FORM}) <> ${FORM})
  UNION ALL
  SELECT name, 'the key ' || conname || ' does not begin with tenant_id'
    FROM tables JOIN pg_constraint k ON conrelid = id AND contype IN ('p', 'u', 'f')
    JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]
   WHERE of_tenants AND attname NOT IN ('tenant_id', ${FIRST_OF_KEY})
  UNION ALL
  SELECT name, 'the unique index ' || indexrelid::regclass || ' does not begin with tenant_id'
    FROM tables JOIN pg_index i ON indrelid = id AND (indisunique OR indisexclusion)
    LEFT JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = indkey[0] -- an expression has none
   WHERE of_tenants AND coalesce(attname NOT IN ('tenant_id', ${FIRST_OF_KEY}), true)
  UNION ALL
  SELECT name, 'the runtime role may TRUNCATE it' FROM tables WHERE has_table_privilege($1::name, id, 'TRUNCATE')
  UNION ALL
  SELECT name, 'the runtime role is its owner' FROM tables WHERE pg_has_role($1::name, owner, 'USAGE')
  UNION ALL
  SELECT name, 'its rows are shown by ' || inhparent::regclass || ', which it inherits from, past its policies'
    FROM tables JOIN pg_inherits ON inhrelid = id
   WHERE of_tenants AND inhparent NOT IN (SELECT id FROM tables WHERE of_tenants)
  UNION ALL
  SELECT c.oid::regclass::text, 'a view reads with the rights of its owner, past the policies'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE (n.nspname IN ('shared', 'checkpoints') OR c.oid IN (SELECT id FROM relations))
     AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(
           (SELECT option_value::boolean FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'),
           false))
  UNION ALL
  SELECT DISTINCT w.ev_class::regclass::text, 'the rule ' || w.rulename || ' acts with the rights of its owner, past the policies'
    FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT id FROM relations)
   WHERE w.ev_type <> '1' -- those of a view's SELECT are the view
  UNION ALL
  SELECT p.oid::regprocedure::text, 'a function runs with the rights of its owner (SECURITY DEFINER) and can reach the tables'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE p.prosecdef
     AND (n.nspname IN ('shared', 'checkpoints')
       OR EXISTS (SELECT FROM pg_trigger JOIN tables ON tgrelid = id WHERE tgfoid = p.oid) -- run without EXECUTE
       OR n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT EXISTS (SELECT FROM pg_depend d
                       WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
      AND has_function_privilege($1::name, p.oid, 'EXECUTE')
      AND pg_get_userbyid(p.proowner) <> $1::name
      AND (has_schema_privilege(p.proowner, 'shared', 'USAGE') OR has_schema_privilege(p.proowner, 'checkpoints', 'USAGE'))
      AND (p.prosrc ~* '${NAME_OF_OURS}'
        OR EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting ~* '${PATH_TO_OURS}')
        OR p.oid IN (SELECT id FROM functions)))
  UNION ALL
  SELECT rolname, 'the runtime role is a superuser or bypasses row-level security'
    FROM pg_roles WHERE rolname = $1::name AND (rolsuper OR rolbypassrls)
  UNION ALL${WORKER_RULES}
  UNION ALL
  SELECT current_user::text, 'requests are served as this role and not as ' || $1::text WHERE current_user <> $1::name
  ORDER BY 1, 2`;
