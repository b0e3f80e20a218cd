import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The session tier. A session is one life of a thread: clearing a thread ends it, and the next message
 * begins another under a new `session_id`. Each message stands once, keyed by its place in the thread
 * (`seq`) and, when it was replaced under the same id, by `revision`; `live` marks the rows that the
 * thread holds now, older checkpoints may refer to the others.
 */
export class Sessions1795132800001 implements MigrationInterface {
  readonly name = 'Sessions1795132800001';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.sessions (
        tenant_id     text NOT NULL,
        thread_id     text NOT NULL,
        session_id    uuid NOT NULL,
        version       integer NOT NULL DEFAULT 0,
        message_count integer NOT NULL DEFAULT 0,
        last_seq      integer NOT NULL DEFAULT 0,
        created_at    timestamptz(3) NOT NULL DEFAULT now(),
        updated_at    timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT sessions_pkey PRIMARY KEY (tenant_id, thread_id),
        CONSTRAINT sessions_session_id_key UNIQUE (tenant_id, session_id)
      )`);
    await queryRunner.query(
      `CREATE INDEX sessions_last_changed ON shared.sessions (tenant_id, updated_at, thread_id)`,
    );
    await queryRunner.query(`
      CREATE TABLE shared.session_messages (
        tenant_id  text NOT NULL,
        session_id uuid NOT NULL,
        seq        integer NOT NULL,
        revision   integer NOT NULL DEFAULT 0,
        message_id text NOT NULL,
        format     text NOT NULL,
        body       json NOT NULL,
        digest     bytea NOT NULL,
        tokens     integer NOT NULL,
        live       boolean NOT NULL DEFAULT true,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT session_messages_pkey PRIMARY KEY (tenant_id, session_id, seq, revision),
        CONSTRAINT session_messages_session_fkey FOREIGN KEY (tenant_id, session_id)
          REFERENCES shared.sessions (tenant_id, session_id) ON DELETE CASCADE,
        CONSTRAINT session_messages_format_check CHECK (format IN ('openai', 'langchain'))
      )`);
    await queryRunner.query(
      `CREATE INDEX session_messages_live ON shared.session_messages (tenant_id, session_id, seq) WHERE live`,
    );
    await queryRunner.query(
      `CREATE INDEX session_messages_message_id
         ON shared.session_messages (tenant_id, session_id, message_id) WHERE live`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.session_messages`);
    await queryRunner.query(`DROP TABLE shared.sessions`);
  }
}
