import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * An append from outside a graph writes messages and nothing else, so a session says how far its newest
 * checkpoint reaches: `head_id` names it, `runs` the messages that it holds, and what stands after
 * `checkpointed_seq` is yet to become part of one. What stands after `laid_over_after` is shown with a checkpoint
 * that does not hold it: one whose tasks wait for an answer and would begin anew after another. `held_by` and
 * `held_until` are the lease of whoever has the thread for himself, `wanted_until` says that somebody waits.
 * Messages of subgraphs and of other channels stand in the log too, each in a `namespace` of its own; '' is the
 * conversation of the thread. A graph may let several messages stand under one id: all but one of them have a
 * `revision` below 0. `encoding` is that of `tokens`, '' for messages from before it was kept.
 */
export class SessionLog1795132800006 implements MigrationInterface {
  readonly name = 'SessionLog1795132800006';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE shared.sessions
        ADD COLUMN checkpointed_seq integer NOT NULL DEFAULT 0,
        ADD COLUMN head_id text,
        ADD COLUMN runs jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN held_by uuid,
        ADD COLUMN held_until timestamptz(3),
        ADD COLUMN wanted_until timestamptz(3),
        ADD COLUMN laid_over_after integer`);
    // Row-level security is forced, and an owner without a tenant would change no row.
    await queryRunner.query(`
      ALTER TABLE shared.sessions NO FORCE ROW LEVEL SECURITY;
      ALTER TABLE shared.session_messages NO FORCE ROW LEVEL SECURITY;
      ALTER TABLE checkpoints.checkpoints NO FORCE ROW LEVEL SECURITY`);
    // Until now every append made a checkpoint, so the newest one holds whatever is live.
    await queryRunner.query(`
      UPDATE shared.sessions s SET checkpointed_seq = last_seq,
        head_id = (
          SELECT max(checkpoint_id) FROM checkpoints.checkpoints c
           WHERE c.tenant_id = s.tenant_id AND checkpoint_ns = ''
             AND c.thread_id = length(s.tenant_id) || ':' || s.tenant_id || ':' || s.thread_id),
        runs = coalesce((
          SELECT jsonb_agg(jsonb_build_array(first, last, revision) ORDER BY first)
            FROM (SELECT min(seq) AS first, max(seq) AS last, revision
                    FROM (SELECT seq, revision,
                                 seq - row_number() OVER (PARTITION BY revision ORDER BY seq) AS island
                            FROM shared.session_messages m
                           WHERE m.tenant_id = s.tenant_id AND m.session_id = s.session_id AND m.live) l
                   GROUP BY revision, island) r), '[]')`);
    await queryRunner.query(`
      ALTER TABLE shared.session_messages
        DROP COLUMN digest,
        ADD COLUMN namespace text NOT NULL DEFAULT '',
        ADD COLUMN encoding text NOT NULL DEFAULT '',
        DROP CONSTRAINT session_messages_pkey,
        ADD CONSTRAINT session_messages_pkey PRIMARY KEY (tenant_id, session_id, namespace, seq, revision)`);
    await queryRunner.query(`ALTER TABLE shared.session_messages ALTER COLUMN encoding DROP DEFAULT`);
    await queryRunner.query(`
      DROP INDEX shared.session_messages_live;
      DROP INDEX shared.session_messages_message_id`);
    await queryRunner.query(`
      CREATE UNIQUE INDEX session_messages_message_id
          ON shared.session_messages (tenant_id, session_id, message_id) WHERE live AND revision >= 0`);
    await queryRunner.query(`
      CREATE INDEX session_messages_replaced
          ON shared.session_messages (tenant_id, session_id, message_id) WHERE NOT live OR revision < 0`);
    await queryRunner.query(`
      ALTER TABLE shared.sessions FORCE ROW LEVEL SECURITY;
      ALTER TABLE shared.session_messages FORCE ROW LEVEL SECURITY;
      ALTER TABLE checkpoints.checkpoints FORCE ROW LEVEL SECURITY`);
  }

  /** Appends that no checkpoint holds yet stay in the log; the previous version shows them over REST. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE shared.session_messages NO FORCE ROW LEVEL SECURITY;
      DELETE FROM shared.session_messages WHERE namespace <> '';
      DROP INDEX shared.session_messages_replaced;
      DROP INDEX shared.session_messages_message_id;
      ALTER TABLE shared.session_messages
        DROP CONSTRAINT session_messages_pkey,
        DROP COLUMN namespace,
        DROP COLUMN encoding,
        ADD COLUMN digest bytea NOT NULL DEFAULT '',
        ADD CONSTRAINT session_messages_pkey PRIMARY KEY (tenant_id, session_id, seq, revision);
      ALTER TABLE shared.session_messages ALTER COLUMN digest DROP DEFAULT, FORCE ROW LEVEL SECURITY`);
    await queryRunner.query(`
      CREATE INDEX session_messages_live ON shared.session_messages (tenant_id, session_id, seq) WHERE live;
      CREATE INDEX session_messages_message_id
          ON shared.session_messages (tenant_id, session_id, message_id) WHERE live`);
    await queryRunner.query(`
      ALTER TABLE shared.sessions
        DROP COLUMN checkpointed_seq, DROP COLUMN head_id, DROP COLUMN runs,
        DROP COLUMN held_by, DROP COLUMN held_until, DROP COLUMN wanted_until, DROP COLUMN laid_over_after`);
  }
}
