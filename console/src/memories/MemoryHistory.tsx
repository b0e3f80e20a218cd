import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { getMemoryHistory } from 'triptych-client';
import { asProblem } from '../api/problem.js';
import { Busy } from '../components/Busy.js';
import { Moment } from '../components/Moment.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { useApi } from '../credential/SignedIn.js';

interface MemoryHistoryProps {
  readonly memoryId: string;
  readonly revision: number;
}

/** What the memory said and when, newest first. */
export function MemoryHistory({ memoryId, revision }: MemoryHistoryProps): ReactNode {
  const api = useApi();
  const history = useQuery({
    queryKey: ['memories', 'history', memoryId, revision],
    queryFn: ({ signal }) => api.run((client) => getMemoryHistory({ client, signal, path: { memoryId } })),
  });
  return (
    <section className="history" aria-labelledby="history-heading">
      <h3 id="history-heading">History</h3>
      {history.isPending && <Busy label="Loading the history" />}
      {history.error && (
        <ProblemMessage
          problem={asProblem(history.error)}
          isRetrying={history.isFetching}
          onRetry={() => void history.refetch()}
        />
      )}
      {history.data && (
        <ol className="revisions" reversed>
          {history.data.revisions.map((entry) => (
            <li key={entry.revision}>
              <p className="small muted">
                <strong>Revision {entry.revision}</strong> · <Moment at={entry.validFrom} />
                {entry.validTo === null ? ' until now' : ' until '}
                {entry.validTo !== null && <Moment at={entry.validTo} />}
                {entry.storedBy !== null && ` · by ${entry.storedBy}`}
                {entry.retracted && ' · retracted'}
              </p>
              <div className="revision-content" dir="auto">
                {entry.content}
              </div>
              {Object.keys(entry.metadata).length > 0 && (
                <pre className="json">{JSON.stringify(entry.metadata, null, 2)}</pre>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
