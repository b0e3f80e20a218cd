import { AIMessage, HumanMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages';
import { copyCheckpoint, emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { parseJson } from '../src/database/parse-json.js';
import type { Message } from '../src/session/message.js';

const MESSAGES = 'messages';

/** LangGraph's own saver, used as its users append to a thread and read it: whole. */
export class StockSaver {
  static readonly SCHEMA = 'stock';
  readonly saver: PostgresSaver;

  private constructor(pool: pg.Pool) {
    this.saver = new PostgresSaver(pool, undefined, { schema: StockSaver.SCHEMA });
  }

  static async open(url: string, connections = 4): Promise<StockSaver> {
    const stock = new StockSaver(new pg.Pool({ connectionString: url, max: connections }));
    await stock.saver.setup();
    return stock;
  }

  /** Begins a thread with one checkpoint of all messages; one for each turn would take some 2 GB at 5,000. */
  async begin(threadId: string, messages: readonly Message[]): Promise<void> {
    const checkpoint = {
      ...emptyCheckpoint(),
      id: uuid6(-1),
      ts: new Date().toISOString(),
      channel_values: { [MESSAGES]: messages.map(asLangChain) },
      channel_versions: { [MESSAGES]: 1 },
    };
    await this.saver.put(
      configOf(threadId),
      checkpoint,
      { source: 'update', step: 0, parents: {} },
      { [MESSAGES]: 1 },
    );
  }

  /** Read, modify, write. */
  async append(threadId: string, messages: readonly Message[]): Promise<void> {
    const head = await this.saver.getTuple(configOf(threadId));
    if (!head) throw new Error(`There is no thread ${threadId}.`);
    const base = copyCheckpoint(head.checkpoint);
    const version = Number(base.channel_versions[MESSAGES]) + 1;
    const step = (head.metadata?.step ?? 0) + 1;
    const checkpoint = {
      ...base,
      id: uuid6(step),
      ts: new Date().toISOString(),
      channel_values: {
        [MESSAGES]: [...(base.channel_values[MESSAGES] as BaseMessage[]), ...messages.map(asLangChain)],
      },
      channel_versions: { ...base.channel_versions, [MESSAGES]: version },
    };
    await this.saver.put(
      head.config,
      checkpoint,
      { source: 'update', step, parents: {} },
      { [MESSAGES]: version },
    );
  }

  /** All of them, as a checkpoint holds them. */
  async messages(threadId: string): Promise<BaseMessage[]> {
    const checkpoint = await this.saver.get(configOf(threadId));
    return checkpoint?.channel_values[MESSAGES] as BaseMessage[];
  }

  async newest(threadId: string, limit: number): Promise<BaseMessage[]> {
    const head = await this.saver.getTuple(configOf(threadId));
    return (head?.checkpoint.channel_values[MESSAGES] as BaseMessage[]).slice(-limit);
  }

  close(): Promise<void> {
    return this.saver.end();
  }
}

function configOf(thread_id: string) {
  return { configurable: { thread_id, checkpoint_ns: '' } };
}

/** As LangGraph's users have it in their state. */
export function asLangChain({ role, content, tool_calls, tool_call_id }: Message): BaseMessage {
  const fields = { id: uuidv7(), content: (content ?? '') as string };
  if (role === 'user') return new HumanMessage(fields);
  if (role === 'tool') return new ToolMessage({ ...fields, tool_call_id: tool_call_id ?? '' });
  const calls = (tool_calls ?? []).map(({ id, function: called }) => ({
    id,
    name: called?.name ?? '',
    args: parseJson(called?.arguments ?? '{}') as Record<string, unknown>,
  }));
  return new AIMessage({ ...fields, tool_calls: calls });
}
