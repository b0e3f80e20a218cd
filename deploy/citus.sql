-- Distributes the schema over Citus by tenant_id. NOT RUN ON CITUS: see "Citus" in docs/scaling.md for what was checked, and how,
-- what is known not to work, and what is not known.
--
-- Before: Citus 12 or 13 and pgvector are installed on every node, the nodes are added (citus_add_node), and the migrations
-- have run on the coordinator. Run it there once, as the owner of the schema, while no service runs:
--   psql -v ON_ERROR_STOP=1 -f deploy/citus.sql "$DATABASE_URL"
-- A migration that makes a table needs its line here; ALTER TABLE of a later migration is passed on by Citus itself.

BEGIN;

-- 1. Keys. A unique key of a distributed table must have its distribution column, and LangGraph's have the tenant only inside
-- of the thread id. Our statements name these keys by their constraints, so they fit either form.
ALTER TABLE checkpoints.checkpoints
  DROP CONSTRAINT checkpoints_pkey,
  ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (tenant_id, thread_id, checkpoint_ns, checkpoint_id);
ALTER TABLE checkpoints.checkpoint_blobs
  DROP CONSTRAINT checkpoint_blobs_pkey,
  ADD CONSTRAINT checkpoint_blobs_pkey PRIMARY KEY (tenant_id, thread_id, checkpoint_ns, channel, version);
ALTER TABLE checkpoints.checkpoint_writes
  DROP CONSTRAINT checkpoint_writes_pkey,
  ADD CONSTRAINT checkpoint_writes_pkey PRIMARY KEY (tenant_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx);

-- 2. The tenant of a transaction. Policies read app.tenant_id, on the nodes too. Citus hands on SET LOCAL, and not what
-- set_config() sets. The service calls set_config without a schema; this one comes first in the search path of its login, which the
-- last lines of this file set, and says the same as SET LOCAL. Everything else it leaves to PostgreSQL's own.
CREATE SCHEMA triptych_citus;
CREATE FUNCTION triptych_citus.set_config(name text, value text, is_local boolean) RETURNS text
LANGUAGE plpgsql AS $body$
BEGIN
  IF name = 'app.tenant_id' AND is_local THEN
    EXECUTE pg_catalog.format('SET LOCAL app.tenant_id = %L', value);
    RETURN value;
  END IF;
  RETURN pg_catalog.set_config(name, value, is_local);
END $body$;
GRANT USAGE ON SCHEMA triptych_citus TO triptych_app, triptych_worker;

COMMIT;

-- 3. Tables without a tenant: a copy on every node.
SELECT create_reference_table('shared.migrations');
SELECT create_reference_table('checkpoints.checkpoint_migrations');

-- 4. Tables with a tenant, each after those it refers to. All of a tenant stands on one node.
SELECT create_distributed_table('shared.tenants', 'tenant_id', colocate_with => 'none');
SELECT create_distributed_table('shared.api_keys', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.usage', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.rate_buckets', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.audit_log', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.sessions', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.session_messages', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.session_summaries', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.recall_messages', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.context_receipts', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.idempotency_keys', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.idempotency_key_objects', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.agent_memories', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.memory_revisions', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.memory_facts', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.memory_embeddings', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.pending_embeddings', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.recall_settings', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.recall_corpus', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.recall_documents', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('shared.recall_postings', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('checkpoints.checkpoints', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('checkpoints.checkpoint_blobs', 'tenant_id', colocate_with => 'shared.tenants');
SELECT create_distributed_table('checkpoints.checkpoint_writes', 'tenant_id', colocate_with => 'shared.tenants');

-- 5. Roles. Citus connects to the nodes as the role that a transaction has, so there these two need LOGIN, and a way in that
-- only the coordinator has (pg_hba.conf of the nodes, or certificates). On the coordinator they stay without.
SELECT run_command_on_workers('SET citus.enable_ddl_propagation TO off; ALTER ROLE triptych_app LOGIN; ALTER ROLE triptych_worker LOGIN');

-- 6. Settings of the login that runs this file, which should be the one of DATABASE_URL. Functions of ours read tables, and are called
-- in statements that Citus sends to a node as a whole: hence the nested execution.
ALTER ROLE CURRENT_USER SET citus.propagate_set_commands = 'local';
ALTER ROLE CURRENT_USER SET citus.allow_nested_distributed_execution = 'on';
ALTER ROLE CURRENT_USER SET search_path = triptych_citus, pg_catalog, public;
