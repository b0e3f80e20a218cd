import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, type ReactNode } from 'react';
import { listMemories, type MemoryEntry } from 'triptych-client';
import { asProblem } from '../api/problem.js';
import { Busy } from '../components/Busy.js';
import { EmptyState } from '../components/EmptyState.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { ScrollList } from '../components/ScrollList.js';
import { useApi } from '../credential/SignedIn.js';
import { excerptOf, MemoryRow } from './MemoryRow.js';
import type { Restriction } from './restriction.js';

export interface MemoriesProps {
  readonly restriction: Restriction;
  readonly openId: string | undefined;
  readonly onOpen: (memoryId: string) => void;
}

const PAGE = 100;
/** Of a row, in pixels: two lines of text, and one of facts. */
const ROW = 94;
const idOf = ({ memoryId }: MemoryEntry): string => memoryId;

/** Every memory, newest first, page by page as one scrolls. */
export function MemoryList({ restriction, openId, onOpen }: MemoriesProps): ReactNode {
  const memories = useMemories(restriction);
  const { data, error, isPending, isFetching, hasNextPage } = memories;
  const found = useMemo(() => data?.pages.flatMap((page) => page.memories) ?? [], [data]);
  const isRestricted = restriction.agentId !== '' || restriction.embeddingStatus !== '';
  return (
    <>
      {isPending && <Busy label="Loading memories" />}
      {error && (
        <ProblemMessage
          problem={asProblem(error)}
          isRetrying={isFetching}
          onRetry={() => void (memories.isFetchNextPageError ? memories.fetchNextPage() : memories.refetch())}
        />
      )}
      {data && found.length === 0 && (
        <EmptyState title={isRestricted ? 'No memory matches' : 'No memories yet'}>
          <p>
            {isRestricted
              ? 'Choose another agent or another state of the embedding.'
              : 'An agent stores one with POST /v1/memories, or add one here.'}
          </p>
        </EmptyState>
      )}
      {found.length > 0 && (
        <ScrollList
          label="Memories, newest first"
          items={found}
          idOf={idOf}
          textOf={excerptOf}
          rowHeight={ROW}
          openId={openId}
          onOpen={onOpen}
          onLoadMore={hasNextPage && !error ? () => void (isFetching || memories.fetchNextPage()) : undefined}
          isLoading={isFetching}
        >
          {(memory) => <MemoryRow memory={memory} />}
        </ScrollList>
      )}
    </>
  );
}

function useMemories({ agentId, embeddingStatus }: Restriction) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['memories', 'list', agentId, embeddingStatus],
    queryFn: ({ pageParam, signal }) =>
      api.run((client) =>
        listMemories({
          client,
          signal,
          query: {
            limit: PAGE,
            ...(agentId !== '' && { agentId }),
            ...(embeddingStatus !== '' && { embeddingStatus }),
            ...(pageParam !== null && { cursor: pageParam }),
          },
        }),
      ),
    // Fetched anew when it is asked for: every page is a request.
    staleTime: Infinity,
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}
