CREATE TABLE checkpoints.checkpoint_blobs
  thread_id text NOT NULL
  checkpoint_ns text NOT NULL DEFAULT ''::text
  channel text NOT NULL
  version text NOT NULL
  type text NOT NULL
  blob bytea
  tenant_id text NOT NULL DEFAULT NULLIF(current_setting('app.tenant_id'::text, true), ''::text)
  CONSTRAINT checkpoint_blobs_pkey PRIMARY KEY (thread_id, checkpoint_ns, channel, version)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE checkpoints.checkpoint_migrations
  v integer NOT NULL
  CONSTRAINT checkpoint_migrations_pkey PRIMARY KEY (v)
  ROW LEVEL SECURITY FORCED
  POLICY everybody USING true
  POLICY owner USING true
CREATE TABLE checkpoints.checkpoint_writes
  thread_id text NOT NULL
  checkpoint_ns text NOT NULL DEFAULT ''::text
  checkpoint_id text NOT NULL
  task_id text NOT NULL
  idx integer NOT NULL
  channel text NOT NULL
  type text
  blob bytea NOT NULL
  tenant_id text NOT NULL DEFAULT NULLIF(current_setting('app.tenant_id'::text, true), ''::text)
  CONSTRAINT checkpoint_writes_pkey PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE checkpoints.checkpoints
  thread_id text NOT NULL
  checkpoint_ns text NOT NULL DEFAULT ''::text
  checkpoint_id text NOT NULL
  parent_checkpoint_id text
  type text
  checkpoint jsonb NOT NULL
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb
  tenant_id text NOT NULL DEFAULT NULLIF(current_setting('app.tenant_id'::text, true), ''::text)
  CONSTRAINT checkpoints_pkey PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.agent_memories
  tenant_id text NOT NULL
  memory_id uuid NOT NULL
  agent_id text NOT NULL
  content text NOT NULL
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb
  source jsonb
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
  updated_at timestamp(3) with time zone NOT NULL DEFAULT now()
  revision integer NOT NULL DEFAULT 1
  stored_by text
  copies integer NOT NULL DEFAULT 1
  retracted_at timestamp(3) with time zone
  tokens integer
  token_encoding text
  embedding_status text
  CONSTRAINT agent_memories_pkey PRIMARY KEY (tenant_id, memory_id)
  CREATE INDEX agent_memories_changed ON shared.agent_memories USING btree (tenant_id, updated_at)
  CREATE INDEX agent_memories_newest ON shared.agent_memories USING btree (tenant_id, created_at, memory_id)
  CREATE INDEX agent_memories_newest_of_agent ON shared.agent_memories USING btree (tenant_id, agent_id, created_at, memory_id)
  CREATE INDEX agent_memories_not_embedded ON shared.agent_memories USING btree (tenant_id, embedding_status, created_at, memory_id) WHERE (embedding_status IS NOT NULL)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.api_keys
  tenant_id text NOT NULL
  key_id text NOT NULL
  salt bytea NOT NULL
  hash bytea NOT NULL
  scopes text[] NOT NULL
  label text
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
  expires_at timestamp(3) with time zone
  revoked_at timestamp(3) with time zone
  CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, key_id)
  CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'write'::text, 'admin'::text])))
  CONSTRAINT api_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES shared.tenants(tenant_id) ON DELETE CASCADE
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.audit_log
  tenant_id text NOT NULL
  audit_id uuid NOT NULL
  at timestamp(3) with time zone NOT NULL DEFAULT now()
  actor text NOT NULL
  action text NOT NULL
  object_type text NOT NULL
  object_id text NOT NULL
  outcome text NOT NULL
  details jsonb
  CONSTRAINT audit_log_pkey PRIMARY KEY (tenant_id, audit_id)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.context_receipts
  tenant_id text NOT NULL
  receipt_id uuid NOT NULL
  thread_id text NOT NULL
  created_at timestamp(3) with time zone NOT NULL
  tier text NOT NULL
  tokens integer NOT NULL
  hash text NOT NULL
  receipt json NOT NULL
  fingerprints bytea NOT NULL
  CONSTRAINT context_receipts_pkey PRIMARY KEY (tenant_id, receipt_id)
  CONSTRAINT context_receipts_session_fkey FOREIGN KEY (tenant_id, thread_id) REFERENCES shared.sessions(tenant_id, thread_id) ON DELETE CASCADE
  CREATE INDEX context_receipts_newest ON shared.context_receipts USING btree (tenant_id, thread_id, receipt_id)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.idempotency_key_objects
  tenant_id text NOT NULL
  object_id uuid NOT NULL
  key text NOT NULL
  CONSTRAINT idempotency_key_objects_key_fkey FOREIGN KEY (tenant_id, key) REFERENCES shared.idempotency_keys(tenant_id, key) ON DELETE CASCADE
  CONSTRAINT idempotency_key_objects_pkey PRIMARY KEY (tenant_id, object_id, key)
  CREATE INDEX idempotency_key_objects_key ON shared.idempotency_key_objects USING btree (tenant_id, key)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.idempotency_keys
  tenant_id text NOT NULL
  key text NOT NULL
  request_hash bytea
  status integer NOT NULL
  answer json
  session_id uuid
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, key)
  CONSTRAINT idempotency_keys_session_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES shared.sessions(tenant_id, session_id) ON DELETE CASCADE
  CREATE INDEX idempotency_keys_oldest ON shared.idempotency_keys USING btree (tenant_id, created_at) WHERE (session_id IS NULL)
  CREATE INDEX idempotency_keys_session ON shared.idempotency_keys USING btree (tenant_id, session_id) WHERE (session_id IS NOT NULL)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.memory_embeddings WITH (toast_tuple_target=8160, autovacuum_vacuum_insert_threshold=1000, autovacuum_vacuum_insert_scale_factor=0.01, autovacuum_vacuum_scale_factor=0.02)
  tenant_id text NOT NULL
  agent_id text NOT NULL
  memory_id uuid NOT NULL
  chunk smallint NOT NULL
  model text NOT NULL
  signs bit varying NOT NULL
  embedding halfvec NOT NULL
  CONSTRAINT memory_embeddings_pkey PRIMARY KEY (tenant_id, agent_id, memory_id, chunk, model) INCLUDE (signs)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.memory_facts WITH (autovacuum_vacuum_insert_scale_factor=0.01)
  tenant_id text NOT NULL
  fact bytea NOT NULL
  memory_id uuid NOT NULL
  CONSTRAINT memory_facts_pkey PRIMARY KEY (tenant_id, fact, memory_id)
  CREATE INDEX memory_facts_of_memory ON shared.memory_facts USING btree (tenant_id, memory_id)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.memory_revisions
  tenant_id text NOT NULL
  memory_id uuid NOT NULL
  revision integer NOT NULL
  agent_id text NOT NULL
  content text NOT NULL
  metadata jsonb NOT NULL
  source jsonb
  stored_by text
  retracted boolean NOT NULL
  valid_from timestamp(3) with time zone NOT NULL
  valid_to timestamp(3) with time zone NOT NULL
  thread_id text
  seq bigint
  speaker text
  role text
  occurred_at timestamp with time zone
  ends_in_question boolean
  length integer
  chunks smallint
  lexemes text[]
  lexeme_chunks smallint[]
  frequencies smallint[]
  chunk_lengths smallint[]
  lexeme_count integer
  model text
  embeddings halfvec[]
  CONSTRAINT memory_revisions_memory_fkey FOREIGN KEY (tenant_id, memory_id) REFERENCES shared.agent_memories(tenant_id, memory_id) ON DELETE CASCADE
  CONSTRAINT memory_revisions_pkey PRIMARY KEY (tenant_id, memory_id, revision)
  CREATE INDEX memory_revisions_validity ON shared.memory_revisions USING btree (tenant_id, valid_to, valid_from)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.migrations
  id integer NOT NULL DEFAULT nextval('shared.migrations_id_seq'::regclass)
  timestamp bigint NOT NULL
  name character varying NOT NULL
  CONSTRAINT PK_8c82d7f526340ab734260ea46be PRIMARY KEY (id)
  ROW LEVEL SECURITY FORCED
  POLICY everybody USING true
  POLICY owner USING true
CREATE TABLE shared.pending_embeddings WITH (autovacuum_vacuum_scale_factor=0.02)
  tenant_id text NOT NULL
  memory_id uuid NOT NULL
  space text NOT NULL
  due_at timestamp with time zone NOT NULL DEFAULT now()
  claim uuid
  attempts integer NOT NULL DEFAULT 0
  reason text
  failed_at timestamp(3) with time zone
  parked_at timestamp(3) with time zone
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
  CONSTRAINT pending_embeddings_memory_fkey FOREIGN KEY (tenant_id, memory_id) REFERENCES shared.agent_memories(tenant_id, memory_id) ON DELETE CASCADE
  CONSTRAINT pending_embeddings_pkey PRIMARY KEY (tenant_id, memory_id, space)
  CREATE INDEX pending_embeddings_due ON shared.pending_embeddings USING btree (space, tenant_id, due_at) WHERE (parked_at IS NULL)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
  POLICY worker USING true
CREATE TABLE shared.rate_buckets WITH (fillfactor=50)
  tenant_id text NOT NULL
  tokens double precision NOT NULL
  granted integer NOT NULL
  at timestamp with time zone NOT NULL
  CONSTRAINT rate_buckets_pkey PRIMARY KEY (tenant_id)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.recall_corpus WITH (fillfactor=50)
  tenant_id text NOT NULL
  shard smallint NOT NULL
  chunks bigint NOT NULL
  length bigint NOT NULL
  CONSTRAINT recall_corpus_pkey PRIMARY KEY (tenant_id, shard)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.recall_documents
  tenant_id text NOT NULL
  memory_id uuid NOT NULL
  agent_id text NOT NULL
  thread_id text
  seq bigint
  speaker text
  role text
  occurred_at timestamp with time zone
  ends_in_question boolean NOT NULL
  length integer NOT NULL
  chunks smallint NOT NULL
  content_key bigint NOT NULL
  lexemes text[] NOT NULL
  CONSTRAINT recall_documents_memory_fkey FOREIGN KEY (tenant_id, memory_id) REFERENCES shared.agent_memories(tenant_id, memory_id)
  CONSTRAINT recall_documents_pkey PRIMARY KEY (tenant_id, memory_id)
  CREATE INDEX recall_documents_agent ON shared.recall_documents USING btree (tenant_id, agent_id COLLATE "C")
  CREATE INDEX recall_documents_content ON shared.recall_documents USING btree (tenant_id, content_key)
  CREATE INDEX recall_documents_occurred ON shared.recall_documents USING btree (tenant_id, occurred_at) WHERE (occurred_at IS NOT NULL)
  CREATE INDEX recall_documents_place ON shared.recall_documents USING btree (tenant_id, thread_id, seq, memory_id) WHERE (thread_id IS NOT NULL)
  CREATE INDEX recall_documents_role ON shared.recall_documents USING btree (tenant_id, role) WHERE (role IS NOT NULL)
  CREATE INDEX recall_documents_seq ON shared.recall_documents USING btree (tenant_id, seq) WHERE (seq IS NOT NULL)
  CREATE INDEX recall_documents_speaker ON shared.recall_documents USING btree (tenant_id, speaker) WHERE (speaker IS NOT NULL)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.recall_messages
  tenant_id text NOT NULL
  session_id uuid NOT NULL
  namespace text NOT NULL DEFAULT ''::text
  seq integer NOT NULL
  revision integer NOT NULL
  speaker text
  role text NOT NULL
  ends_in_question boolean NOT NULL
  length integer NOT NULL
  chunks smallint NOT NULL
  lexemes text[] NOT NULL
  lexeme_chunks smallint[] NOT NULL
  frequencies smallint[] NOT NULL
  chunk_lengths smallint[] NOT NULL
  lexeme_count integer NOT NULL
  text_search text NOT NULL
  model text NOT NULL
  embeddings halfvec[]
  CONSTRAINT recall_messages_message_fkey FOREIGN KEY (tenant_id, session_id, namespace, seq, revision) REFERENCES shared.session_messages(tenant_id, session_id, namespace, seq, revision) ON DELETE CASCADE
  CONSTRAINT recall_messages_pkey PRIMARY KEY (tenant_id, session_id, namespace, seq, revision)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.recall_postings WITH (autovacuum_vacuum_insert_scale_factor=0.01)
  tenant_id text NOT NULL
  lexeme text NOT NULL
  memory_id uuid NOT NULL
  chunk smallint NOT NULL
  tf smallint NOT NULL
  dl smallint NOT NULL
  CONSTRAINT recall_postings_pkey PRIMARY KEY (tenant_id, lexeme, memory_id, chunk) INCLUDE (tf, dl)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.recall_settings
  tenant_id text NOT NULL
  text_search text NOT NULL
  is_own boolean NOT NULL DEFAULT false
  space text
  next_space text
  previous_space text
  CONSTRAINT recall_settings_pkey PRIMARY KEY (tenant_id)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
  POLICY worker USING true
CREATE TABLE shared.session_messages
  tenant_id text NOT NULL
  session_id uuid NOT NULL
  seq integer NOT NULL
  revision integer NOT NULL DEFAULT 0
  message_id text NOT NULL
  format text NOT NULL
  body json NOT NULL
  tokens integer NOT NULL
  live boolean NOT NULL DEFAULT true
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
  namespace text NOT NULL DEFAULT ''::text
  encoding text NOT NULL
  CONSTRAINT session_messages_format_check CHECK ((format = ANY (ARRAY['openai'::text, 'langchain'::text])))
  CONSTRAINT session_messages_pkey PRIMARY KEY (tenant_id, session_id, namespace, seq, revision)
  CONSTRAINT session_messages_session_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES shared.sessions(tenant_id, session_id) ON DELETE CASCADE
  CREATE INDEX session_messages_replaced ON shared.session_messages USING btree (tenant_id, session_id, message_id) WHERE ((NOT live) OR (revision < 0))
  CREATE UNIQUE INDEX session_messages_message_id ON shared.session_messages USING btree (tenant_id, session_id, message_id) WHERE (live AND (revision >= 0))
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.session_summaries
  tenant_id text NOT NULL
  session_id uuid NOT NULL
  through_seq integer NOT NULL
  summary text NOT NULL
  tokens integer NOT NULL
  encoding text NOT NULL
  model text NOT NULL
  updated_at timestamp(3) with time zone NOT NULL DEFAULT now()
  CONSTRAINT session_summaries_pkey PRIMARY KEY (tenant_id, session_id)
  CONSTRAINT session_summaries_session_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES shared.sessions(tenant_id, session_id) ON DELETE CASCADE
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.sessions
  tenant_id text NOT NULL
  thread_id text NOT NULL
  session_id uuid NOT NULL
  version integer NOT NULL DEFAULT 0
  message_count integer NOT NULL DEFAULT 0
  last_seq integer NOT NULL DEFAULT 0
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
  updated_at timestamp(3) with time zone NOT NULL DEFAULT now()
  checkpointed_seq integer NOT NULL DEFAULT 0
  head_id text
  runs jsonb NOT NULL DEFAULT '[]'::jsonb
  held_by uuid
  held_until timestamp(3) with time zone
  wanted_until timestamp(3) with time zone
  laid_over_after integer
  CONSTRAINT sessions_pkey PRIMARY KEY (tenant_id, thread_id)
  CONSTRAINT sessions_session_id_key UNIQUE (tenant_id, session_id)
  CREATE INDEX sessions_last_changed ON shared.sessions USING btree (tenant_id, updated_at, thread_id)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.tenants
  tenant_id text NOT NULL
  name text
  rate_limit integer
  daily_quota integer
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
  CONSTRAINT tenants_limits_check CHECK (((rate_limit >= 0) AND (daily_quota >= 0)))
  CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id)
  ROW LEVEL SECURITY FORCED
  POLICY owner USING true
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
CREATE TABLE shared.usage
  tenant_id text NOT NULL
  day date NOT NULL
  requests bigint NOT NULL
  CONSTRAINT usage_pkey PRIMARY KEY (tenant_id, day)
  ROW LEVEL SECURITY FORCED
  POLICY tenant USING (tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))
