// Over 200 lines: a run, what of it is compared, and with what.
import { BaseMessage, HumanMessage } from '@langchain/core/messages';
import type { RunnableConfig } from '@langchain/core/runnables';
import { Command, MemorySaver, type StateSnapshot } from '@langchain/langgraph';
import type { BaseCheckpointSaver, CheckpointTuple } from '@langchain/langgraph-checkpoint';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModuleRef } from '@nestjs/core';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './engines.js';
import { TestService } from './service.js';

/**
 * Scenarios are differential: the same script runs on LangGraph's own `MemorySaver` and on ours, and
 * everything it records must be the same, down to which ids are equal to which.
 */
export interface Scenario {
  readonly title: string;
  /**
   * What the thread holds in the end: an `unbroken` conversation has `seq` 1, 2, 3 …; one of which something
   * was removed, or left on another branch, has `gaps`; `none`, when the root state has no
   * conversation; of a `delta` channel nothing is asserted.
   */
  readonly conversation: 'unbroken' | 'gaps' | 'none' | 'delta';
  readonly script: (run: Run) => Promise<void>;
}

export const DURABILITIES = ['sync', 'async', 'exit'] as const;
type Durability = (typeof DURABILITIES)[number];

/** What a compiled graph can be asked, whatever its state. */
interface Inspectable {
  getState(config: RunnableConfig, options?: { subgraphs?: boolean }): Promise<StateSnapshot>;
  getStateHistory(config: RunnableConfig, options?: { limit?: number }): AsyncIterable<StateSnapshot>;
}

/** One run of a script on one checkpointer. */
export class Run {
  /** Of the thread, for `invoke`, `getState` and the rest. */
  readonly config: { configurable: { thread_id: string }; durability: Durability };
  readonly #trace: unknown[] = [];

  constructor(
    /** Gives a checkpointer without any memory of its own, as another process would have it. */
    readonly openCheckpointer: () => BaseCheckpointSaver,
    readonly threadId: string,
    durability: Durability,
  ) {
    this.config = { configurable: { thread_id: threadId }, durability };
  }

  /** The configuration to start from a certain checkpoint. */
  from({ config }: { config: RunnableConfig }): RunnableConfig & { durability: Durability } {
    return { configurable: config.configurable ?? {}, durability: this.config.durability };
  }

  /** Takes part in the comparison. */
  record(...values: unknown[]): void {
    this.#trace.push(...values.map(plain));
  }

  /**
   * Records the head with its subgraphs, the history, and every checkpoint that the saver lists.
   * @param limit only so much of the history, and no list
   */
  async inspect(graph: Inspectable, { limit }: { limit?: number } = {}): Promise<void> {
    const { config } = this;
    this.record({ head: snapshot(await graph.getState(config, { subgraphs: true })) });
    const history = await collect(graph.getStateHistory(config, limit === undefined ? {} : { limit }));
    this.record({ history: history.map(snapshot) });
    if (limit !== undefined) return;
    const tuples = await collect(
      this.openCheckpointer().list({ configurable: { thread_id: this.threadId } }),
    );
    // The order between namespaces is nowhere promised, and the ids in them differ from run to run.
    const checkpoints = tuples.map((tuple) => anonymous(stored(tuple))).sort();
    this.record({ checkpoints: checkpoints.map((text) => JSON.parse(text) as unknown) });
  }

  /** Records a subgraph's own states. */
  async inspectNamespace(graph: Inspectable, checkpoint_ns: string): Promise<void> {
    const config = { configurable: { thread_id: this.threadId, checkpoint_ns } };
    this.record({ [checkpoint_ns]: snapshot(await graph.getState(config)) });
    this.record((await collect(graph.getStateHistory(config))).map(snapshot));
  }

  /** All that was recorded, with each generated id named by the order in which it first appears. */
  get trace(): unknown {
    const names = new Map<string, string>();
    const text = JSON.stringify(this.#trace).replace(GENERATED_ID, (id) => {
      const name = names.get(id) ?? `id ${names.size + 1}`;
      names.set(id, name);
      return name;
    });
    return JSON.parse(text) as unknown;
  }
}

/** UUIDs, and the hashes that identify interrupts. */
const GENERATED_ID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\b[0-9a-f]{32}\b/g;

function anonymous(value: unknown): string {
  return JSON.stringify(plain(value)).replace(GENERATED_ID, 'id');
}

/** Plain data with sorted keys; a message shows its class and all that it says. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !key.startsWith('lc_'));
  if (BaseMessage.isInstance(value)) entries.push(['class', value.constructor.name]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plain(v)]));
}

function snapshot(state: StateSnapshot): object {
  const { next, metadata, config, parentConfig, tasks } = state;
  return {
    values: state.values as unknown,
    next,
    metadata,
    config: address(config),
    parentConfig: parentConfig && address(parentConfig),
    tasks: tasks.map(({ state: inner, ...task }) => ({
      ...task,
      ...(inner && { state: 'values' in inner ? snapshot(inner) : address(inner) }),
    })),
  };
}

/** A saver may hand back more of the configuration that it was given. */
function address({ configurable }: RunnableConfig): object {
  const parts = ['thread_id', 'checkpoint_ns', 'checkpoint_id', 'checkpoint_map'];
  return Object.fromEntries(parts.map((part) => [part, configurable?.[part] as unknown]));
}

/** Without its values: a saver may leave out what is empty, and the history shows the rest. */
function stored({ config, parentConfig, metadata, pendingWrites = [] }: CheckpointTuple): object {
  return {
    config: address(config),
    parentConfig: parentConfig && address(parentConfig),
    metadata,
    // Savers order the writes of several tasks by their ids, which differ from run to run.
    pendingWrites: pendingWrites.map(anonymous).sort(),
  };
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** What a suite on graphs works with, on one engine. */
export class GraphHome {
  #database: TestDatabase;
  #service: TestService;
  #modules: ModuleRef;
  sessions: SessionStore;

  async open(createDatabase: () => Promise<TestDatabase>): Promise<void> {
    this.#database = await createDatabase();
    this.#service = await TestService.start(this.#database);
    this.#modules = this.#service.app.get(ModuleRef);
    this.sessions = this.#service.app.get(SessionStore);
  }

  async close(): Promise<void> {
    await this.#service.stop();
    await this.#database.drop();
  }

  /** Another store on the same database, as another process would have it. */
  openStore(): Promise<SessionStore> {
    return this.#modules.create(SessionStore);
  }

  inTenant<T>(work: () => T): T {
    return this.#service.app.get(TenantContext).run('acme', work);
  }
}

interface Asking extends Inspectable {
  invoke(input: unknown, config: Run['config']): Promise<unknown>;
}

/** A graph that asks once a turn, and is answered by the same process or by another. */
export function resumeScenarios(
  title: string,
  createAsking: (checkpointer: BaseCheckpointSaver) => Asking,
): Scenario[] {
  const says = (content: string) => ({ messages: [new HumanMessage(content)] });
  return [
    {
      title: `${title}, resumed`,
      conversation: 'unbroken',
      async script(run) {
        const graph = createAsking(run.openCheckpointer());
        run.record(await graph.invoke(says('first'), run.config));
        await run.inspect(graph);
        run.record(await graph.invoke(new Command({ resume: 'yes' }), run.config));
        run.record(await graph.invoke(says('second'), run.config));
        run.record(await graph.invoke(new Command({ resume: 'no' }), run.config));
        await run.inspect(graph);
      },
    },
    {
      title: `${title}, resumed by another process`,
      conversation: 'unbroken',
      async script(run) {
        run.record(await createAsking(run.openCheckpointer()).invoke(says('first'), run.config));
        const other = createAsking(run.openCheckpointer());
        await run.inspect(other);
        run.record(await other.invoke(new Command({ resume: 'yes' }), run.config));
        await run.inspect(createAsking(run.openCheckpointer()));
      },
    },
  ];
}

/** Runs each scenario on both savers, on each engine and with each durability. */
export function describeScenarios(name: string, scenarios: readonly Scenario[]): void {
  describeOnEachEngine(name, (createDatabase) => {
    const home = new GraphHome();
    beforeAll(() => home.open(createDatabase));
    afterAll(() => home.close());

    for (const durability of DURABILITIES)
      describe(durability, () => {
        it.each(scenarios)('$title', async ({ title, conversation, script }) => {
          const threadId = `${name} · ${title} · ${durability}`;
          const expected = await traceInMemory(threadId, durability, script);
          // One for each time that a script may ask; making one is asynchronous, and scripts need not know.
          const stores = await Promise.all(Array.from({ length: 8 }, () => home.openStore()));
          const openCheckpointer = () => (stores.shift() ?? home.sessions).checkpointer;
          const actual = new Run(openCheckpointer, threadId, durability);
          await home.inTenant(() => script(actual));
          expect(actual.trace).toEqual(expected);

          await home.inTenant(() => expectSameOverRest(home.sessions, threadId, conversation));
        });
      });
  });
}

/**
 * With durability `exit` a run that ends where it began puts the same checkpoint again, with itself for a
 * parent. LangGraph's PostgresSaver keeps the parent that it had; its MemorySaver would take the new one.
 */
class ReferenceSaver extends MemorySaver {
  override async put(...[config, checkpoint, metadata]: Parameters<MemorySaver['put']>) {
    const { configurable } = config;
    if (configurable?.['checkpoint_id'] !== checkpoint.id) return super.put(config, checkpoint, metadata);
    const parent = (await this.getTuple(config))?.parentConfig?.configurable;
    const checkpoint_id = parent?.['checkpoint_id'] as string | undefined;
    return super.put({ configurable: { ...configurable, checkpoint_id } }, checkpoint, metadata);
  }
}

const traces = new Map<string, unknown>();

/** What LangGraph's own saver makes of the script: the same on every engine. */
async function traceInMemory(
  threadId: string,
  durability: Durability,
  script: Scenario['script'],
): Promise<unknown> {
  const known = traces.get(threadId);
  if (known !== undefined) return known;
  const memory = new ReferenceSaver();
  const run = new Run(() => memory, threadId, durability);
  await script(run);
  traces.set(threadId, run.trace);
  return run.trace;
}

/** What REST answers of the thread is what its newest checkpoint holds. */
export async function expectSameOverRest(
  sessions: SessionStore,
  threadId: string,
  conversation: Scenario['conversation'],
): Promise<void> {
  const stored = await sessions.getSessionMessages(threadId, { limit: 1_000 });
  if (conversation === 'delta') return;
  if (conversation === 'none') {
    expect(stored).toEqual([]);
    return;
  }
  const head = await sessions.checkpointer.getTuple({ configurable: { thread_id: threadId } });
  const messages = head?.checkpoint.channel_values['messages'] as BaseMessage[];
  expect(stored.map(({ id, content }) => ({ id, content }))).toEqual(
    messages.map(({ id, content }) => ({ id, content })),
  );
  const numbers = stored.map(({ seq }) => seq);
  const counted = stored.map((_, index) => index + 1);
  if (conversation === 'unbroken') expect(numbers).toEqual(counted);
  else expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  const { sessions: summaries } = await sessions.listSessions({ limit: 1_000 });
  expect(summaries.find((summary) => summary.threadId === threadId)?.messageCount).toBe(stored.length);
}
