import { useQuery } from '@tanstack/react-query';
import { readMessages, searchMemories } from 'triptych-client';
import type { Api } from '../api/api.js';
import { useApi } from '../credential/SignedIn.js';
import { textOfMessage } from './message-text.js';
import type { CompileRun, ItemReceipt } from './working-context.js';

const MOST = 1_000;
/** What a compile searches by. */
const QUERY_LENGTH = 100_000;

/**
 * The texts of what was dropped, by id: an answer has ids and numbers of it alone. They are asked for once, and where that
 * fails the ids have to do.
 */
export function useDroppedTexts(run: CompileRun): ReadonlyMap<string, string> {
  const api = useApi();
  const dropped = run.answer.receipt.items.filter(({ decision }) => decision === 'dropped');
  const { data } = useQuery({
    queryKey: ['dropped-texts', run.request.threadId, run.answer.receipt.id ?? run.at],
    queryFn: async ({ signal }) => {
      const [messages, memories] = await Promise.all([
        messageTexts(api, run, dropped, signal),
        memoryTexts(api, run, dropped, signal),
      ]);
      return new Map([...messages, ...memories]);
    },
    enabled: dropped.some(({ tier }) => tier === 'session' || tier === 'memory'),
    staleTime: Infinity,
    retry: false,
  });
  return data ?? NONE;
}

const NONE: ReadonlyMap<string, string> = new Map();

async function messageTexts(
  api: Api,
  { request, answer }: CompileRun,
  dropped: readonly ItemReceipt[],
  signal: AbortSignal,
): Promise<[string, string][]> {
  if (!dropped.some(({ tier }) => tier === 'session')) return [];
  const limit = Math.min(MOST, answer.receipt.items.filter(({ tier }) => tier === 'session').length + 1);
  const { messages } = await api.run((client) =>
    readMessages({ client, path: { threadId: request.threadId }, query: { limit }, signal }),
  );
  return messages.map((message) => [message.id, textOfMessage(message)]);
}

/** By the search that the compile made. */
async function memoryTexts(
  api: Api,
  { request, answer }: CompileRun,
  dropped: readonly ItemReceipt[],
  signal: AbortSignal,
): Promise<[string, string][]> {
  if (!dropped.some(({ tier }) => tier === 'memory')) return [];
  const { task, threadId, agentId, recallScope: scope = 'memories' } = request;
  const limit = Math.min(MOST, answer.receipt.items.filter(({ tier }) => tier === 'memory').length);
  const body = {
    query: task.description.slice(0, QUERY_LENGTH).toWellFormed(),
    limit,
    ...(agentId !== undefined && { agentId }),
    ...(scope !== 'memories' && { scope, threadId }),
  };
  const { results } = await api.run((client) => searchMemories({ client, body, signal }));
  return results.map((found) =>
    'memory' in found
      ? [found.memory.memoryId, found.memory.content]
      : [found.message.id, textOfMessage(found.message)],
  );
}
