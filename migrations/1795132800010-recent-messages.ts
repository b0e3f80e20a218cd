import type { MigrationInterface, QueryRunner } from 'typeorm';
import { recentMessages } from './ddl/recent-messages.js';

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
    await queryRunner.query(recentMessages({ wholeCalls: false }));
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
