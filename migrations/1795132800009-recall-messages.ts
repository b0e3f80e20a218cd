import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/**
 * What finds a message of a thread again: its postings as arrays, and its vectors. A row is written when somebody first
 * searches the thread, for each message that has none, so that an append costs what it did; it says with which text search
 * configuration and which model it was made, and is made anew when these are others. It goes with its message.
 */
export class RecallMessages1795132800009 implements MigrationInterface {
  readonly name = 'RecallMessages1795132800009';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.recall_messages (
        tenant_id        text NOT NULL,
        session_id       uuid NOT NULL,
        namespace        text NOT NULL DEFAULT '',
        seq              integer NOT NULL,
        revision         integer NOT NULL,
        speaker          text,
        role             text NOT NULL,
        ends_in_question boolean NOT NULL,
        length           integer NOT NULL,
        chunks           smallint NOT NULL,
        lexemes          text[] NOT NULL,
        lexeme_chunks    smallint[] NOT NULL,
        frequencies      smallint[] NOT NULL,
        chunk_lengths    smallint[] NOT NULL,
        lexeme_count     integer NOT NULL,
        text_search      text NOT NULL,
        model            text NOT NULL,
        embeddings       halfvec[],
        CONSTRAINT recall_messages_pkey PRIMARY KEY (tenant_id, session_id, namespace, seq, revision),
        CONSTRAINT recall_messages_message_fkey FOREIGN KEY (tenant_id, session_id, namespace, seq, revision)
          REFERENCES shared.session_messages (tenant_id, session_id, namespace, seq, revision) ON DELETE CASCADE
      )`);
    await queryRunner.query(
      `ALTER TABLE shared.recall_messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    );
    await queryRunner.query(
      `CREATE POLICY tenant ON shared.recall_messages USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
    );
    await queryRunner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON shared.recall_messages TO triptych_app`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.recall_messages`);
  }
}
