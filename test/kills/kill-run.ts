import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { History, type FinalRead } from '../sessions/history.js';
import { TestService } from '../support/service.js';
import type { Deployment } from './deployment.js';
import { GraphTurns, readCheckpoints } from './graph-turns.js';
import { countPending, halfWritten } from './half-written.js';
import { readShared, settleThreads } from './kept-threads.js';
import type { Round } from './kill-plan.js';
import { KnownMemories } from './known-memories.js';
import { killUnderLoad } from './load.js';
import { Promises } from './promises.js';
import { Writer, type Shared } from './writer.js';

const TENANTS = ['acme', 'globex'];
const WRITERS_OF_EACH = 6;
const DRAINED_WITHIN_MS = 90_000;
/** Of what is wrong, for a person to read. */
const LONGEST_LINE = 500;

/** What a run of kills came to. */
export interface KillReport {
  acknowledged: number;
  unanswered: number;
  repeated: number;
  graphTurns: number;
  /** Memories that waited for their vectors when the kills came, of all kills together. */
  pending: number;
  /** Everything that is wrong; nothing when all promises were kept. */
  wrong: string[];
}

/** Kills a deployment under load, again and again, and compares what is there with what was promised. */
export class KillRun {
  readonly report: KillReport = {
    ...{ acknowledged: 0, unanswered: 0, repeated: 0, graphTurns: 0, pending: 0, wrong: [] },
  };
  readonly #tenants: readonly Shared[];
  readonly #writers: readonly Writer[];
  /** What the threads were found to hold last. */
  readonly #reads: ({ readonly tenant: string } & FinalRead)[] = [];
  #graphs: GraphTurns | undefined;

  constructor(private readonly deployment: Deployment) {
    const promises = new Promises();
    this.#tenants = TENANTS.map((tenant) => ({
      ...{ tenant, promises, memories: new KnownMemories(tenant), history: new History() },
      threads: ['one', 'two'].map((name) => `${tenant}-${name}`),
      ...{ sent: new Set<string>(), receipts: new Map<string, string>() },
    }));
    this.#writers = this.#tenants.flatMap((shared) =>
      Array.from({ length: WRITERS_OF_EACH }, (_, index) => new Writer(`${shared.tenant}-${index}`, shared)),
    );
  }

  async run(plan: readonly Round[]): Promise<KillReport> {
    if (this.deployment.database.engine === 'postgres')
      this.#graphs = await GraphTurns.start(this.deployment);
    try {
      for (const round of plan) {
        await this.#round(round);
        if (round.number % 10 === 0) this.#tell(round.number, plan.length);
      }
      await this.#end();
    } finally {
      await this.#graphs?.stop();
    }
    const { acknowledged, unanswered, repeated, wrong } = this.#promises;
    this.report.wrong.push(...wrong);
    this.report.wrong = this.report.wrong.map((each) => each.slice(0, LONGEST_LINE));
    return Object.assign(this.report, { acknowledged, unanswered, repeated });
  }

  /** For whoever waits for a hundred. */
  #tell(kills: number, of: number): void {
    const { acknowledged, unanswered, wrong } = this.#promises;
    const found = wrong.length + this.report.wrong.length;
    process.stdout.write(
      `${kills} of ${of} kills: ${acknowledged} acknowledged, ${unanswered} unanswered, ${found} wrong\n`,
    );
  }

  async #round(round: Round): Promise<void> {
    const endGraphs = this.#graphs?.begin();
    await killUnderLoad(this.deployment, this.#writers, round);
    await endGraphs?.();
    if (round.target === 'database' && !this.deployment.service.isRunning)
      this.#note(round, ['the service ended with the database']);
    this.#note(round, await this.#inspect());
    this.deployment.provider.heal();
    if (!this.deployment.service.isRunning) await this.deployment.startService();
    this.#note(round, await this.#settle());
    if (round.drains) await this.#drain();
  }

  /** As the kill has left it. */
  async #inspect(): Promise<string[]> {
    return this.deployment.inspect(async (query) => {
      this.report.pending += await countPending(query);
      return halfWritten(query);
    });
  }

  /** Everything that was acknowledged is there; what was not answered is there whole or not at all, and once. */
  async #settle(): Promise<string[]> {
    const { service } = this.deployment;
    await this.#promises.repeat(service);
    const wrong: string[] = [];
    this.#reads.length = 0;
    for (const shared of this.#tenants) {
      wrong.push(...(await shared.memories.settle(service)));
      const reads = await readShared(service, shared);
      const own = this.#writers.map(({ thread }) => thread).filter(({ tenant }) => tenant === shared.tenant);
      wrong.push(...(await settleThreads(service, shared, reads, own)));
      this.#reads.push(...reads.map((read) => ({ tenant: shared.tenant, ...read })));
    }
    return [...wrong, ...((await this.#graphs?.check(this.deployment)) ?? [])];
  }

  /** All that waits for vectors gets them: whatever a killed worker had comes back, and each is there once. */
  async #drain(): Promise<void> {
    const end = Date.now() + DRAINED_WITHIN_MS;
    for (const { tenant, memories } of this.#tenants) {
      while ((await memories.list(this.deployment.service, '&embeddingStatus=pending')).length > 0) {
        if (Date.now() > end) throw new Error(`Memories of ${tenant} still wait for their vectors.`);
        await sleep(100);
      }
      const parked = await memories.list(this.deployment.service, '&embeddingStatus=parked');
      if (parked.length > 0) this.report.wrong.push(`${tenant}: ${parked.length} memories are parked`);
    }
  }

  /** Stops the service as an operator would, and starts it once more. */
  async #end(): Promise<void> {
    await this.deployment.service.stop();
    await this.deployment.startService();
    await this.#drain();
    this.report.wrong.push(...(await this.#settle()));
    await this.deployment.service.stop();
    const left = await this.deployment.inspect(async (query) => [
      ...(await halfWritten(query)),
      ...((await countPending(query)) > 0 ? ['memories wait for vectors that all should have'] : []),
    ]);
    this.report.wrong.push(...left);
    this.report.graphTurns = this.#graphs?.acknowledged ?? 0;
    await this.#expectSameForGraphs();
  }

  /** What a graph would begin with is what was acknowledged over REST. */
  async #expectSameForGraphs(): Promise<void> {
    const application = await TestService.start(this.deployment.database, this.deployment.settings);
    const { app } = application;
    try {
      for (const { tenant, thread, messages } of this.#reads) {
        const seen = await app
          .get(TenantContext)
          .run(tenant, () => readCheckpoints(app.get(SessionStore), thread));
        if (
          !isDeepStrictEqual(
            seen,
            messages.map(({ content }) => content),
          )
        )
          this.report.wrong.push(`a graph of ${thread} sees ${seen.length} messages of ${messages.length}`);
      }
    } finally {
      await application.stop();
    }
  }

  #note({ number, target }: Round, wrong: readonly string[]): void {
    this.report.wrong.push(...wrong.map((each) => `kill ${number} of ${target}: ${each}`));
  }

  get #promises(): Promises {
    return (this.#tenants[0] as Shared).promises;
  }
}
