import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from 'react';
import { clearSession, readMessages } from 'triptych-client';
import { Link, useLocation } from 'wouter';
import { asProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { Busy } from '../components/Busy.js';
import { Button } from '../components/Button.js';
import { ConfirmDialog } from '../components/ConfirmDialog.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { useApi } from '../credential/SignedIn.js';
import { useArrival } from '../layout/useArrival.js';
import { pathOf } from '../layout/path.js';
import { MessageItem } from './MessageItem.js';

const PAGE = 50;

/** What was said in one thread, oldest first, beginning with its newest page. */
export function SessionDetail({ threadId }: { readonly threadId: string }): ReactNode {
  const heading = useArrival(threadId);
  const thread = useThread(threadId);
  const list = useRef<HTMLOListElement>(null);
  const [isClearing, setClearing] = useState(false);
  const messages = thread.data?.pages.toReversed().flatMap((page) => page.messages) ?? [];
  useSamePlace(list, messages[0]?.seq);
  const loadEarlier = async (): Promise<void> => {
    const { data, isError } = await thread.fetchNextPage();
    if (isError) return;
    announce(`${data?.pages.at(-1)?.messages.length ?? 0} earlier messages loaded`);
    list.current?.focus({ preventScroll: true });
  };
  return (
    <article className="detail">
      <Link className="back" href="/sessions">
        ‹ All sessions
      </Link>
      <header className="detail-head">
        <div>
          <h2 ref={heading} tabIndex={-1} className="thread-id mono" dir="auto">
            {threadId}
          </h2>
          {thread.data && (
            <p className="muted small">
              version {thread.data.pages[0]?.version} · {messages.length.toLocaleString('en')} messages shown
              {thread.hasNextPage ? ', earlier ones not loaded' : ', all of them'}
            </p>
          )}
        </div>
        <div className="actions">
          <Link className="button button-plain" href={pathOf('compile', threadId)}>
            Compile
          </Link>
          <Button
            kind="danger"
            onPress={() => {
              setClearing(true);
            }}
          >
            Clear …
          </Button>
        </div>
      </header>
      {thread.isPending && <Busy label="Loading messages" />}
      {thread.error && (
        <ProblemMessage
          problem={asProblem(thread.error)}
          isRetrying={thread.isFetching}
          onRetry={() => void (thread.isFetchNextPageError ? loadEarlier() : thread.refetch())}
        />
      )}
      {thread.hasNextPage && (
        <Button isPending={thread.isFetchingNextPage} onPress={() => void loadEarlier()}>
          Load earlier messages
        </Button>
      )}
      {thread.data && (
        <ol ref={list} className="messages" tabIndex={-1} aria-label="Messages, oldest first">
          {messages.map((message) => (
            <MessageItem key={message.seq} message={message} />
          ))}
        </ol>
      )}
      <ClearDialog
        threadId={threadId}
        isOpen={isClearing}
        onClose={() => {
          setClearing(false);
        }}
      />
    </article>
  );
}

function useThread(threadId: string) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['thread', threadId],
    queryFn: ({ pageParam, signal }) =>
      api.run((client) =>
        readMessages({
          client,
          signal,
          path: { threadId },
          query: { limit: PAGE, ...(pageParam !== null && { before: pageParam }) },
        }),
      ),
    initialPageParam: null as number | null,
    getNextPageParam: ({ nextBefore }) => nextBefore,
  });
}

/** Keeps what is being read where it is when something comes before it. */
function useSamePlace(list: RefObject<HTMLElement | null>, firstSeq: number | undefined): void {
  const before = useRef({ firstSeq, height: 0 });
  useLayoutEffect(() => {
    const height = list.current?.scrollHeight ?? 0;
    const pane = list.current?.closest('.split-detail');
    const { firstSeq: earlier, height: was } = before.current;
    if (pane && firstSeq !== undefined && earlier !== undefined && firstSeq < earlier && was > 0)
      pane.scrollTop += height - was;
    before.current = { firstSeq, height };
  });
}

interface ClearDialogProps {
  readonly threadId: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

function ClearDialog({ threadId, isOpen, onClose }: ClearDialogProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const clear = useMutation({
    mutationFn: () => api.run((client) => clearSession({ client, path: { threadId } })),
    // Whatever view is open by then.
    onSuccess: () => {
      queries.removeQueries({ queryKey: ['thread', threadId] });
      void queries.resetQueries({ queryKey: ['sessions'] });
    },
  });
  return (
    <ConfirmDialog
      title="Clear this session?"
      confirm="Clear session"
      isOpen={isOpen}
      isPending={clear.isPending}
      problem={clear.error && asProblem(clear.error)}
      onConfirm={() => {
        clear.mutate(undefined, {
          // Only for whoever still looks at it: another tenant may be signed in by then.
          onSuccess: () => {
            announce(`Session ${threadId} cleared`);
            navigate('/sessions');
          },
        });
      }}
      onCancel={() => {
        // What was sent goes on, and leads away from a thread that is gone.
        if (!clear.isPending) clear.reset();
        onClose();
      }}
    >
      <p>
        All messages and checkpoints of <strong className="mono">{threadId}</strong> are deleted. This cannot
        be undone. Memories stay.
      </p>
    </ConfirmDialog>
  );
}
