import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { SessionConflictError } from '../../src/errors.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { check, countKinds, History, type FinalRead } from './history.js';
import { runBounded } from './recorded-client.js';

const TENANT = 'acme';
const THREADS = ['one', 'two', 'three'];
/** Of each kind of writer, for each thread and each instance of the application. */
const TURNS = 6;
const APPENDS = 12;
const IN_FLIGHT = 12;

describeOnEachEngine('graph runs among appends', (createDatabase) => {
  let home: TestDatabase;
  let services: TestService[];
  let history: History;
  /** How many messages stood before each question when the graph was run with it. */
  let seenBefore: Map<string, number>;

  beforeEach(async () => {
    home = await createDatabase();
    services = [await TestService.start(home)];
    // The embedded engine is one process's own.
    if (home.engine === 'postgres') services.push(await TestService.start(home));
    history = new History();
    seenBefore = new Map();
  });
  afterEach(async () => {
    for (const service of services) await service.stop();
    await home.drop();
  });

  /** A graph that writes at two steps, so that others can come between its question and its answer. */
  const graphOf = ({ checkpointer }: SessionStore) =>
    new StateGraph(MessagesAnnotation)
      .addNode('think', ({ messages }) => {
        const question = messages.at(-1)?.content as string;
        seenBefore.set(question, messages.length - 1);
        return { messages: [new AIMessage(`thought of ${question}`)] };
      })
      .addNode('answer', ({ messages }) => ({
        messages: [new AIMessage(`answer to ${messages.at(-2)?.content as string}`)],
      }))
      .addEdge('__start__', 'think')
      .addEdge('think', 'answer')
      .addEdge('answer', '__end__')
      .compile({ checkpointer });

  type Turn = (sessions: SessionStore, thread: string, question: string) => Promise<unknown>;
  const runGraph: Turn = (sessions, thread, question) =>
    graphOf(sessions).invoke(
      { messages: [new HumanMessage(question)] },
      { configurable: { thread_id: thread } },
    );

  /** Runs of the graph and appends, on all threads from all instances at once; answers what the runs threw. */
  async function writeFromEverywhere(turn: Turn): Promise<unknown[]> {
    const failures: unknown[] = [];
    const tasks = services.flatMap(({ app }, instance) => {
      const sessions = app.get(SessionStore);
      const within = (work: () => Promise<unknown>) => () => app.get(TenantContext).run(TENANT, work);
      const runs = THREADS.flatMap((thread) =>
        Array.from({ length: TURNS }, (_, index) =>
          within(async () => {
            const question = `question ${thread} ${instance} ${index}`;
            const noted = history.invoke(thread, [
              question,
              `thought of ${question}`,
              `answer to ${question}`,
            ]);
            try {
              await turn(sessions, thread, question);
              noted.acknowledge();
            } catch (error) {
              failures.push(error);
            }
          }),
        ),
      );
      const appends = THREADS.flatMap((thread) =>
        Array.from({ length: APPENDS }, (_, index) =>
          within(async () => {
            const content = `append ${thread} ${instance} ${index}`;
            const noted = history.invoke(thread, [content]);
            const { version, messages } = await sessions.appendMessages(thread, [{ role: 'user', content }]);
            noted.acknowledge({ version, seqs: messages.map(({ seq }) => seq) });
          }),
        ),
      );
      // One run, two appends, one run …
      return runs.flatMap((run, index) => [run, ...appends.slice(2 * index, 2 * index + 2)]);
    });
    await runBounded(IN_FLIGHT * services.length, tasks);
    return failures;
  }

  async function readAll(): Promise<FinalRead[]> {
    const { app } = services.at(-1) as TestService;
    const reads: FinalRead[] = [];
    for (const thread of THREADS) {
      const page = await app
        .get(TenantContext)
        .run(TENANT, () => app.get(SessionStore).getThread(thread, { limit: 1000 }));
      const messages = page.messages.map(({ seq, content }) => ({ seq, content: content as string }));
      reads.push({ thread, version: page.version, messages });
    }
    return reads;
  }

  it('are whole, in order and up to date inside SessionStore.exclusive', async () => {
    const failures = await writeFromEverywhere((sessions, thread, question) =>
      sessions.exclusive(thread, () => runGraph(sessions, thread, question)),
    );
    expect(failures).toEqual([]);
    const reads = await readAll();
    expect(check(history.appends, reads, { versions: 'increasing' })).toEqual([]);
    const turns = services.length * THREADS.length * TURNS;
    expect(reads.reduce((sum, { messages }) => sum + messages.length, 0)).toBe(turns * (3 + APPENDS / TURNS));
    // Each run began with everything that stands before its question now.
    const questions = reads.flatMap(({ messages }) =>
      messages.filter(({ content }) => content.startsWith('question')),
    );
    expect(questions.map(({ content }) => seenBefore.get(content))).toEqual(
      questions.map(({ seq }) => seq - 1),
    );
    expect(questions).toHaveLength(turns);
  });

  it('lose nothing without it: a run that lost a race says so', async () => {
    const failures = await writeFromEverywhere(runGraph);
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toBeInstanceOf(SessionConflictError);
    const kinds = countKinds(check(history.appends, await readAll(), { versions: 'increasing' }));
    expect({ lost: kinds.lost, doubled: kinds.doubled, gap: kinds.gap }).toEqual({});
  });
});
