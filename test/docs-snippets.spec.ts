import { AIMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages';
import type { ChatResult } from '@langchain/core/outputs';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { ContextManager, SessionStore, TenantContext } from '../src/index.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { fencedBlocks } from './support/markdown.js';
import { TestService } from './support/service.js';

type Snippet = (...values: unknown[]) => unknown;

/** The TypeScript of a document, as it stands there, by the one function that each piece exports. */
function snippetsOf(document: string): Map<string, Snippet> {
  return new Map(
    fencedBlocks(document, 'ts').flatMap((code): [string, Snippet][] => {
      const { outputText } = ts.transpileModule(code, {
        compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
      });
      const exported: Record<string, Snippet> = {};
      const load = (name: string): unknown =>
        jest.requireActual(name === 'triptych' ? '../src/index.js' : name);
      // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- our own text
      new Function('require', 'exports', outputText)(load, exported);
      return Object.entries(exported);
    }),
  );
}

const langgraph = snippetsOf('docs/langgraph.md');
const upgrading = snippetsOf('docs/upgrading.md');

function run<T>(name: string, ...values: unknown[]): Promise<T> {
  const snippet = langgraph.get(name) ?? upgrading.get(name);
  if (!snippet) throw new Error(`No document has a snippet ${name}.`);
  return Promise.resolve(snippet(...values) as T);
}

/** Calls a tool, and answers when it is asked once more. */
class ToolCaller extends FakeListChatModel {
  readonly prompts: BaseMessage[][] = [];

  override _generate(prompt: BaseMessage[]): Promise<ChatResult> {
    const isFirst = this.prompts.push(prompt) === 1;
    const message = isFirst
      ? new AIMessage({ content: '', tool_calls: [{ id: 'call 1', name: 'timetable', args: {} }] })
      : new AIMessage('At 7:40.');
    return Promise.resolve({ generations: [{ message, text: message.text }] });
  }
}

describe('snippets', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-snippets-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('are those that are run here, and no other', () => {
    const graphs = ['main', 'research', 'book', 'turn', 'again', 'tidy', 'answering'];
    expect([...langgraph.keys(), ...upgrading.keys()]).toEqual([...graphs, 'importMemories']);
  });

  it('show a whole program with LangGraph', async () => {
    expect(await run('main', join(folder, 'data'))).toEqual([
      'I want to fly to Lisbon.',
      'I have read 1 messages.',
      'From Vienna.',
      'In May.',
      'I have read 4 messages.',
    ]);
    // It makes a new data folder and migrates it.
  });

  describeOnEachEngine('of docs/langgraph.md and docs/upgrading.md', (createDatabase) => {
    let database: TestDatabase;
    let service: TestService;
    let sessions: SessionStore;
    let tenants: TenantContext;

    beforeAll(async () => {
      database = await createDatabase();
      service = await TestService.start(database);
      sessions = service.app.get(SessionStore);
      tenants = service.app.get(TenantContext);
    });
    afterAll(async () => {
      await service.stop();
      await database.drop();
    });
    const said = async (threadId: string): Promise<unknown[]> => {
      const { body } = await service.as('acme').get(`/v1/sessions/${threadId}/messages`);
      return (body as { messages: { content: string }[] }).messages.map(({ content }) => content);
    };

    it('keep the notes of a subgraph out of the thread', async () => {
      expect(await run('research', sessions, tenants)).toEqual([
        ['user', 'seat maps'],
        ['assistant', 'Read: Notes on seat maps.'],
      ]);
    });

    it('go on after a question, and see what was appended meanwhile', async () => {
      const messages = ['The 7:40 flight.', 'A window seat.', 'Booked: yes, after 2 messages.'];
      expect(await run('book', sessions, tenants)).toEqual(messages);
      expect(await said('booking')).toEqual(messages);
    });

    it('run turns one after the other that would lose a race otherwise', async () => {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('count', ({ messages }) => ({ messages: [new AIMessage(`${messages.length}`)] }))
        .addEdge('__start__', 'count')
        .compile({ checkpointer: sessions.checkpointer });
      await Promise.all(['a', 'b', 'c'].map((question) => run('turn', sessions, tenants, graph, question)));
      const answers = (await said('support-17')).filter((content) => /^\d+$/.test(String(content)));
      expect(answers).toEqual(['1', '3', '5']);
    });

    it('go on from an older checkpoint, and drop old ones', async () => {
      const messages = ['one', 'Heard: one', 'another', 'Heard: another'];
      expect(await run('again', sessions, tenants)).toEqual(messages);
      expect(await run('tidy', sessions, tenants)).toBeGreaterThan(3);
      expect(await said('retry')).toEqual(messages);
    });

    it('hand a compiled context to the model of a node, with what its tools answered', async () => {
      const model = new ToolCaller({ responses: [] });
      const node = await run<never>('answering', service.app.get(ContextManager), model, 'asked');
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('answer', node)
        .addNode('tools', () => ({
          messages: [new ToolMessage({ tool_call_id: 'call 1', content: 'It leaves at 7:40.' })],
        }))
        .addEdge('__start__', 'answer')
        .addConditionalEdges('answer', ({ messages }) =>
          (messages.at(-1) as AIMessage).tool_calls?.length ? 'tools' : '__end__',
        )
        .addEdge('tools', 'answer')
        .compile({ checkpointer: sessions.checkpointer });
      const config = { configurable: { thread_id: 'asked' }, durability: 'sync' as const };
      await tenants.run('acme', () => graph.invoke({ messages: [['user', 'When does it leave?']] }, config));
      expect(await said('asked')).toEqual(['When does it leave?', '', 'It leaves at 7:40.', 'At 7:40.']);
      expect(model.prompts.map((prompt) => prompt.map(({ text }) => text).slice(1))).toEqual([
        ['When does it leave?', 'When does it leave?'],
        ['When does it leave?', '', 'It leaves at 7:40.', 'When does it leave?'],
      ]);
    });

    it('import memories of another service, once however often they are run', async () => {
      const results = Array.from({ length: 101 }, (_, index) => ({
        id: `m${index}`,
        memory: `Ada has visited place ${index}.`,
        createdAt: '2026-03-02T10:00:00.000Z',
        metadata: { userId: 'ada' },
      }));
      const file = join(folder, 'mem0.json');
      writeFileSync(file, JSON.stringify({ results }));
      for (const attempt of [1, 2])
        expect([attempt, await run('importMemories', file, service.url, { 'x-tenant-id': 'moved' })]).toEqual(
          [attempt, 101],
        );
      const { body } = await service.as('moved').get('/v1/memories?limit=1000');
      const { memories } = body as { memories: { content: string; metadata: object; source: object }[] };
      expect(memories).toHaveLength(101);
      expect(memories.find(({ content }) => content.endsWith('place 7.'))).toMatchObject({
        metadata: { userId: 'ada', mem0Id: 'm7' },
        source: { occurredAt: '2026-03-02T10:00:00.000Z' },
      });
    });
  });
});
