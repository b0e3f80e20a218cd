import type { MigrationInterface, QueryRunner } from 'typeorm';
import { recentMessages } from './ddl/recent-messages.js';

/**
 * What a working context may need of a conversation ends with a call of tools, never amid its results: a result without its
 * call cannot be sent, so one that was larger than the history took its call, and itself, out of every prompt. Results count
 * for a quarter of what is enough, to which they are shortened, so that what stands before them is read, too.
 */
export class WholeToolCalls1795132800016 implements MigrationInterface {
  readonly name = 'WholeToolCalls1795132800016';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(recentMessages({ wholeCalls: true }));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(recentMessages({ wholeCalls: false }));
  }
}
