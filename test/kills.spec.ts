import { afterEach, describe, expect, it } from '@jest/globals';
import { Deployment } from './kills/deployment.js';
import { planOf, type Target } from './kills/kill-plan.js';
import { KillRun } from './kills/kill-run.js';
import { PostgresCluster } from './support/postgres-cluster.js';

const SEED = Number(process.env['KILL_SEED'] ?? Date.now() % 2 ** 31);
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 6);
/** The embedded engine has one round in five, and two at least. */
const EMBEDDED = Math.max(2, Math.round(ROUNDS / 5));
const canKillPostgres = process.env['TEST_DATABASE_URL'] !== undefined && PostgresCluster.isPossible;
if (process.env['TEST_DATABASE_URL'] && !canKillPostgres)
  process.stdout.write('Kills of PostgreSQL: skipped, since PostgreSQL 15 or /proc is missing here.\n');

describe('after kill -9 under load', () => {
  let deployment: Deployment | undefined;

  afterEach(() => deployment?.close());

  async function expectKept(rounds: number, targets: readonly Target[]): Promise<void> {
    const again = `again with KILL_SEED=${SEED} KILL_ROUNDS=${ROUNDS}`;
    const engine = deployment?.database.engine;
    process.stdout.write(`Kills: ${rounds} of ${targets.join(', ')} on ${engine}, ${again}\n`);
    const report = await new KillRun(deployment as Deployment).run(planOf(SEED, rounds, targets));
    process.stdout.write(
      `Kills on ${engine}: ${JSON.stringify({ ...report, wrong: report.wrong.length })}\n`,
    );
    expect(report.wrong.slice(0, 20)).toEqual([]);
    // The kills came while requests were under way, and memories waited for their vectors.
    expect(report.unanswered).toBeGreaterThan(0);
    expect(report.pending).toBeGreaterThan(0);
    expect(report.repeated).toBeGreaterThan(0);
  }

  it(
    'of the service on the embedded engine, nothing acknowledged is lost and nothing is there by half',
    async () => {
      deployment = await Deployment.embedded();
      await expectKept(EMBEDDED, ['service']);
    },
    120_000 + EMBEDDED * 120_000,
  );

  (canKillPostgres ? it : it.skip)(
    'of the service, of PostgreSQL, and of both, nothing acknowledged is lost and nothing is there by half',
    async () => {
      deployment = await Deployment.postgres();
      await expectKept(Math.max(3, ROUNDS - EMBEDDED), ['service', 'database', 'both']);
    },
    120_000 + ROUNDS * 120_000,
  );
});
