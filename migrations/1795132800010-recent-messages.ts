import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a row is a message of the user, or an instruction, in either form in which messages are kept. */
const isUser = (row: string): string =>
  `coalesce(${row}.body ->> 'role' = 'user' OR ${row}.body ->> 'class' IN ('HumanMessage', 'HumanMessageChunk'), false)`;
const isInstruction = (row: string): string =>
  `coalesce(${row}.body ->> 'role' IN ('system', 'developer') OR ${row}.body ->> 'class' IN ('SystemMessage', 'SystemMessageChunk'), false)`;

/** Instructions at the head of a thread that are looked at. */
const MOST_INSTRUCTIONS = 32;

/**
 * What a working context may need of a conversation, and no more, in one statement: `recent_messages` gives the newest live
 * messages until they have more than `enough` tokens, the one that exceeds them included; the newest message of the user, when
 * it is older; and the instructions at the head, as far as they are not more
 * than that themselves. At most `most` rows are looked at for the first two.
 *
 * A function, because a statement cannot stop at a sum: a window over all rows would read a thread to its beginning. It
 * reads by the primary key, newest first, a few rows at a time, and stops; its plan is kept with the connection.
 */
export class RecentMessages1795132800010 implements MigrationInterface {
  readonly name = 'RecentMessages1795132800010';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE FUNCTION shared.recent_messages(of_tenant text, of_session uuid, enough integer, most integer)
      RETURNS TABLE (seq integer, "messageId" text, format text, body json, tokens integer, encoding text,
                     "createdAt" timestamptz)
      LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 100
      SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
      AS $body$
#variable_conflict use_column
DECLARE
  found record;
  total bigint := 0;
  oldest integer := 2147483647;
  asked boolean := false;
BEGIN
  FOR found IN
    SELECT m.* FROM shared.session_messages m
     WHERE m.tenant_id = of_tenant AND m.session_id = of_session AND m.namespace = '' AND m.live
     ORDER BY m.seq DESC LIMIT most
  LOOP
    EXIT WHEN asked AND total > enough;
    IF NOT asked THEN asked := ${isUser('found')}; END IF;
    CONTINUE WHEN total > enough AND NOT asked;
    total := total + found.tokens;
    oldest := found.seq;
    seq := found.seq; "messageId" := found.message_id; format := found.format; body := found.body;
    tokens := found.tokens; encoding := found.encoding; "createdAt" := found.created_at;
    RETURN NEXT;
  END LOOP;
  total := 0;
  FOR found IN
    SELECT m.* FROM shared.session_messages m
     WHERE m.tenant_id = of_tenant AND m.session_id = of_session AND m.namespace = '' AND m.live AND m.seq < oldest
     ORDER BY m.seq LIMIT ${MOST_INSTRUCTIONS}
  LOOP
    EXIT WHEN total > enough OR NOT ${isInstruction('found')};
    total := total + found.tokens;
    seq := found.seq; "messageId" := found.message_id; format := found.format; body := found.body;
    tokens := found.tokens; encoding := found.encoding; "createdAt" := found.created_at;
    RETURN NEXT;
  END LOOP;
END $body$`);
    await queryRunner.query(
      `REVOKE EXECUTE ON FUNCTION shared.recent_messages(text, uuid, integer, integer) FROM PUBLIC`,
    );
    await queryRunner.query(
      `GRANT EXECUTE ON FUNCTION shared.recent_messages(text, uuid, integer, integer) TO triptych_app`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP FUNCTION shared.recent_messages(text, uuid, integer, integer)`);
  }
}
