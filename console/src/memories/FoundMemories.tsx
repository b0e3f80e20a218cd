import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, type ReactNode } from 'react';
import { searchMemories, type ScoredMemory, type SearchResult } from 'triptych-client';
import { asProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { Busy } from '../components/Busy.js';
import { EmptyState } from '../components/EmptyState.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { ScrollList } from '../components/ScrollList.js';
import { useApi } from '../credential/SignedIn.js';
import { ChannelScores } from './ChannelScores.js';
import type { MemoriesProps } from './MemoryList.js';
import { excerptOf, MemoryRow } from './MemoryRow.js';
import type { Restriction } from './restriction.js';

const LIMIT = 50;
const ROW = 138;
const idOf = ({ memory }: ScoredMemory): string => memory.memoryId;
const textOf = ({ memory }: ScoredMemory): string => excerptOf(memory);

/** What a search found, best first, with the score of each channel. */
export function FoundMemories({ restriction, openId, onOpen }: MemoriesProps): ReactNode {
  const { data, error, isPending, isFetching, refetch } = useFound(restriction);
  const found = useMemo(
    () => data?.results.filter((result): result is ScoredMemory => 'memory' in result) ?? [],
    [data],
  );
  const best = useMemo(() => bestOf(found), [found]);
  const count = data && !isFetching ? found.length : undefined;
  useEffect(() => {
    if (count !== undefined) announce(count === 1 ? '1 memory found' : `${count} memories found`);
  }, [count]);
  return (
    <>
      {isPending && <Busy label="Searching" />}
      {error && (
        <ProblemMessage problem={asProblem(error)} isRetrying={isFetching} onRetry={() => void refetch()} />
      )}
      {data && <Limits found={data} />}
      {data && found.length === 0 && (
        <EmptyState title="Nothing was found">
          <p>Use other words, or search in the memories of all agents.</p>
        </EmptyState>
      )}
      {found.length > 0 && (
        <ScrollList
          label={`${found.length} memories found, best first`}
          items={found}
          idOf={idOf}
          textOf={textOf}
          rowHeight={ROW}
          openId={openId}
          onOpen={onOpen}
        >
          {({ memory, score, scores }) => (
            <MemoryRow memory={memory}>
              <ChannelScores score={score} scores={scores} best={best} />
            </MemoryRow>
          )}
        </ScrollList>
      )}
    </>
  );
}

/** What the answer does not claim: a channel that was away, vectors that were not compared. */
function Limits({ found }: { readonly found: SearchResult }): ReactNode {
  const { degraded, exhaustive } = found;
  if (degraded.length === 0 && exhaustive) return null;
  return (
    <div className="notice found-limits" role="status">
      {degraded.map(({ code, detail }) => (
        <p key={code}>
          {detail} <code>{code}</code>
        </p>
      ))}
      {!exhaustive && <p>Not all was compared: something as near may be missing here.</p>}
    </div>
  );
}

/** By which the bars of the two channels are drawn: each by the best that it found. */
function bestOf(found: readonly ScoredMemory[]): ScoredMemory['scores'] {
  const most = (channel: 'lexical' | 'semantic'): number =>
    Math.max(0, ...found.map(({ scores }) => scores[channel] ?? 0));
  return { lexical: most('lexical'), semantic: most('semantic') };
}

function useFound({ query, agentId, mode }: Restriction) {
  const api = useApi();
  return useQuery({
    queryKey: ['memories', 'search', query, agentId, mode],
    queryFn: ({ signal }) =>
      api.run((client) =>
        searchMemories({
          client,
          signal,
          body: { query, mode, limit: LIMIT, ...(agentId !== '' && { agentId }) },
        }),
      ),
  });
}
