import { BaseListChatMessageHistory } from '@langchain/core/chat_history';
import type { BaseMessage } from '@langchain/core/messages';
import type { TriptychClient } from './client.js';
import { appendMessages, clearSession } from './generated/sdk.gen.js';
import { toLangChainMessage, toOpenAIMessage } from './message-conversion.js';
import { eachMessage } from './pages.js';
import { TriptychProblem } from './problem.js';

export { toLangChainMessage, toOpenAIMessage } from './message-conversion.js';

/** As many as a request takes, and as a page has. */
const MAX_MESSAGES = 1_000;

export interface ChatMessageHistoryOptions {
  readonly client: TriptychClient;
  readonly threadId: string;
  /** Whether what OpenAI's form has no room for is kept in a field of its own: see `toOpenAIMessage`. Default false. */
  readonly keepMetadata?: boolean;
}

/**
 * A thread of Triptych as the history of a LangChain chat. Messages keep their ids, so a message of the thread that is
 * added again is refused (409 `message_id_taken`) and never stands twice.
 */
export class TriptychChatMessageHistory extends BaseListChatMessageHistory {
  override lc_namespace = ['triptych', 'chat_history'];
  readonly threadId: string;
  readonly #client: TriptychClient;
  readonly #keepMetadata: boolean;

  constructor({ client, threadId, keepMetadata = false }: ChatMessageHistoryOptions) {
    // Nothing for LangChain's serializer: the client knows a secret.
    super();
    this.#client = client;
    this.threadId = threadId;
    this.#keepMetadata = keepMetadata;
  }

  /** The whole thread, oldest first; empty where there is none. */
  override async getMessages(): Promise<BaseMessage[]> {
    const { threadId } = this;
    const newestFirst: BaseMessage[] = [];
    try {
      for await (const message of eachMessage({ client: this.#client, threadId, pageSize: MAX_MESSAGES }))
        newestFirst.push(toLangChainMessage(message));
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
    return newestFirst.reverse();
  }

  override async addMessage(message: BaseMessage): Promise<void> {
    await this.addMessages([message]);
  }

  /** In one request, all or none; above 1,000 in several, one after the other. */
  override async addMessages(messages: BaseMessage[]): Promise<void> {
    const options = { keepMetadata: this.#keepMetadata };
    const converted = messages.map((message) => toOpenAIMessage(message, options));
    for (let from = 0; from < converted.length; from += MAX_MESSAGES)
      await appendMessages({
        client: this.#client,
        path: { threadId: this.threadId },
        body: { messages: converted.slice(from, from + MAX_MESSAGES) },
      });
  }

  /** Ends the session; nothing to do where there is none. */
  override async clear(): Promise<void> {
    try {
      await clearSession({ client: this.#client, path: { threadId: this.threadId } });
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof TriptychProblem && error.status === 404;
}
