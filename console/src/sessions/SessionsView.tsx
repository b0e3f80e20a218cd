import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { listSessions, type SessionSummary } from 'triptych-client';
import { useLocation } from 'wouter';
import { asProblem } from '../api/problem.js';
import { Button } from '../components/Button.js';
import { Busy } from '../components/Busy.js';
import { EmptyState } from '../components/EmptyState.js';
import { Moment } from '../components/Moment.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { ScrollList } from '../components/ScrollList.js';
import { useApi } from '../credential/SignedIn.js';
import { pathOf, usePath } from '../layout/path.js';
import { useReturn } from '../layout/useArrival.js';
import { useTitle } from '../layout/useTitle.js';
import { SessionDetail } from './SessionDetail.js';
import './sessions.css';

const PAGE = 100;
const idOf = ({ threadId }: SessionSummary): string => threadId;

/** The threads of the tenant, and what was said in the one that is open. */
export function SessionsView(): ReactNode {
  const [, threadId] = usePath();
  const [, navigate] = useLocation();
  const heading = useReturn(threadId);
  useTitle(threadId === undefined ? 'Sessions' : `${threadId} · Sessions`);
  const queries = useQueryClient();
  const sessions = useSessions();
  const found = sessions.data?.pages.flatMap((page) => page.sessions) ?? [];
  const { error, isPending, isFetching, hasNextPage } = sessions;
  return (
    <div className="split" data-open={threadId !== undefined}>
      <section className="split-list" aria-label="Threads">
        <div className="split-head">
          <div className="split-head-row">
            <h1 ref={heading} tabIndex={-1}>
              Sessions
            </h1>
            <Button
              kind="quiet"
              isPending={isFetching}
              onPress={() => void queries.resetQueries({ queryKey: ['sessions'] })}
            >
              Refresh
            </Button>
          </div>
        </div>
        {isPending && <Busy label="Loading sessions" />}
        {error && (
          <ProblemMessage
            problem={asProblem(error)}
            isRetrying={isFetching}
            onRetry={() =>
              void (sessions.isFetchNextPageError ? sessions.fetchNextPage() : sessions.refetch())
            }
          />
        )}
        {sessions.data && found.length === 0 && (
          <EmptyState title="No sessions yet">
            <p>
              A session begins with the first message that an agent appends to a thread, or with an import.
            </p>
          </EmptyState>
        )}
        {found.length > 0 && (
          <ScrollList
            label="Sessions, the last changed first"
            items={found}
            idOf={idOf}
            textOf={idOf}
            rowHeight={66}
            openId={threadId}
            onOpen={(id) => {
              navigate(pathOf('sessions', id));
            }}
            onLoadMore={
              hasNextPage && !error ? () => void (isFetching || sessions.fetchNextPage()) : undefined
            }
            isLoading={isFetching}
          >
            {({ threadId: id, messageCount, updatedAt }) => (
              <>
                <span className="row-title mono" dir="auto">
                  {id}
                </span>
                <span className="row-facts">
                  {messageCount.toLocaleString('en')} {messageCount === 1 ? 'message' : 'messages'} ·{' '}
                  <Moment at={updatedAt} />
                </span>
              </>
            )}
          </ScrollList>
        )}
      </section>
      <section className="split-detail" aria-label="Thread">
        {threadId === undefined ? (
          <EmptyState title="No session is open">
            <p>Choose one to read what was said in it.</p>
          </EmptyState>
        ) : (
          <SessionDetail key={threadId} threadId={threadId} />
        )}
      </section>
    </div>
  );
}

function useSessions() {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['sessions'],
    queryFn: ({ pageParam, signal }) =>
      api.run((client) =>
        listSessions({
          client,
          signal,
          query: { limit: PAGE, ...(pageParam !== null && { cursor: pageParam }) },
        }),
      ),
    // Fetched anew when it is asked for: every page is a request.
    staleTime: Infinity,
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}
