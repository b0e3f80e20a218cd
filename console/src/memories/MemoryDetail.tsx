import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { getMemory, type MemoryEntry } from 'triptych-client';
import { Link } from 'wouter';
import { asProblem } from '../api/problem.js';
import { Busy } from '../components/Busy.js';
import { Button } from '../components/Button.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { useApi } from '../credential/SignedIn.js';
import { arriveAt, useArrival } from '../layout/useArrival.js';
import { ChangeMemory, useHasDraft } from './ChangeMemory.js';
import { DeleteMemory } from './DeleteMemory.js';
import { MemoryFacts } from './MemoryFacts.js';
import { MemoryHistory } from './MemoryHistory.js';

/** How often a memory is looked at again that waits for its embedding, in milliseconds. */
const LOOK_AGAIN_MS = 3_000;

/** One memory: what it says, where it is from, what it said before, and what can be done with it. */
export function MemoryDetail({ memoryId }: { readonly memoryId: string }): ReactNode {
  const api = useApi();
  const memory = useQuery({
    queryKey: ['memories', 'one', memoryId],
    queryFn: ({ signal }) => api.run((client) => getMemory({ client, signal, path: { memoryId } })),
    refetchInterval: ({ state }) => (state.data?.embeddingStatus === 'pending' ? LOOK_AGAIN_MS : false),
  });
  const heading = useArrival(memoryId);
  return (
    <article className="detail">
      <Link className="back" href="/memories">
        ‹ All memories
      </Link>
      <h2 ref={heading} tabIndex={-1}>
        Memory
        {memory.data && <span className="muted"> of {memory.data.agentId}</span>}
      </h2>
      {memory.isPending && <Busy label="Loading the memory" />}
      {memory.error && (
        <ProblemMessage
          problem={asProblem(memory.error)}
          isRetrying={memory.isFetching}
          onRetry={() => void memory.refetch()}
        />
      )}
      {memory.data && (
        <Loaded
          memory={memory.data}
          onChanged={() => {
            arriveAt(heading);
          }}
        />
      )}
    </article>
  );
}

interface LoadedProps {
  readonly memory: MemoryEntry;
  /** The form of a change has gone. */
  readonly onChanged: () => void;
}

function Loaded({ memory, onChanged }: LoadedProps): ReactNode {
  const hasDraft = useHasDraft(memory.memoryId);
  const [isChanging, setChanging] = useState(hasDraft);
  const [isDeleting, setDeleting] = useState(false);
  if (isChanging)
    return (
      <ChangeMemory
        memory={memory}
        onDone={() => {
          setChanging(false);
          onChanged();
        }}
      />
    );
  return (
    <>
      <div className="memory-content" dir="auto">
        {memory.content}
      </div>
      <div className="actions">
        <Button
          onPress={() => {
            setChanging(true);
          }}
        >
          Edit
        </Button>
        <Button
          kind="danger"
          onPress={() => {
            setDeleting(true);
          }}
        >
          Delete …
        </Button>
      </div>
      <MemoryFacts memory={memory} />
      <MemoryHistory memoryId={memory.memoryId} revision={memory.revision} />
      <DeleteMemory
        memory={memory}
        isOpen={isDeleting}
        onClose={() => {
          setDeleting(false);
        }}
      />
    </>
  );
}
