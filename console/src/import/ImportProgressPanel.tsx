import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { count, plural } from '../compile/sections.js';
import { Button } from '../components/Button.js';
import { Progress } from '../components/Busy.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { TextField } from '../components/TextField.js';
import { pathOf } from '../layout/path.js';
import type { ImportProgress, Retrying, ThreadProgress } from './import-run.js';
import { threadIdFault } from './thread-names.js';

/** Threads of each kind that are listed. */
const LISTED = 200;

export interface ImportProgressPanelProps {
  readonly progress: ImportProgress;
  /** Thread ids that were typed for what failed, by the index of the conversation. */
  readonly typedIds: ReadonlyMap<number, string>;
  readonly onTypeId: (index: number, threadId: string) => void;
  readonly onCancel: () => void;
  readonly onResume: () => void;
  readonly onRetry: (indexes: readonly number[], retrying?: Retrying) => void;
  readonly onBack: () => void;
  readonly onStartAgain: () => void;
}

/** How far an import is, what failed and how to try that again, and where the rest is now. */
export function ImportProgressPanel(props: ImportProgressPanelProps): ReactNode {
  const { progress, typedIds, onTypeId, onCancel, onResume, onRetry, onBack, onStartAgain } = props;
  const { state, threads, sent, messages, problem, waitingFor } = progress;
  const done = threads.filter((thread) => thread.state === 'done');
  const failed = threads.filter((thread) => thread.state === 'failed');
  const isUntouched = threads.every((thread) => thread.sent === 0);
  return (
    <div className="stack">
      <section className="card stack" aria-labelledby="progress-title">
        <h2 id="progress-title" aria-live="polite">
          {state === 'running'
            ? 'Importing …'
            : state === 'stopped'
              ? 'The import is interrupted'
              : failed.length > 0
                ? `Imported, but for ${plural(failed.length, 'conversation')}`
                : 'Everything is imported'}
        </h2>
        <Progress label="Messages imported" value={sent} max={messages} />
        <p className="muted small">
          {count(done.length)} of {plural(threads.length, 'conversation')} done
          {waitingFor !== undefined && ` · the service asks to wait ${waitingFor} s, then it goes on`}
        </p>
        {problem && <ProblemMessage problem={problem} />}
        {state === 'stopped' && <p>What was sent is stored, and is not stored again when you go on.</p>}
        <div className="actions">
          {state === 'running' && <Button onPress={onCancel}>Interrupt</Button>}
          {state === 'stopped' && (
            <Button kind="primary" onPress={onResume}>
              Go on
            </Button>
          )}
          {state !== 'running' && isUntouched && <Button onPress={onBack}>Back to the preview</Button>}
          {state !== 'running' && <Button onPress={onStartAgain}>Import something else</Button>}
          {state === 'finished' && failed.length > 1 && (
            <Button
              onPress={() => {
                onRetry(failed.map(({ index }) => index));
              }}
            >
              Try all again
            </Button>
          )}
        </div>
      </section>
      {failed.length > 0 && (
        <section className="stack" aria-label="Not imported">
          <h2>Not imported</h2>
          <ul className="conversations">
            {failed.slice(0, LISTED).map((thread) => (
              <FailedThread
                key={thread.index}
                thread={thread}
                threadId={typedIds.get(thread.index) ?? thread.threadId}
                onType={(threadId) => {
                  onTypeId(thread.index, threadId);
                }}
                isRunning={state === 'running'}
                onRetry={(threadId, isAdded) => {
                  onRetry([thread.index], { threadIds: new Map([[thread.index, threadId]]), isAdded });
                }}
              />
            ))}
          </ul>
        </section>
      )}
      {done.length > 0 && (
        <section className="stack" aria-label="Imported">
          <h2>Imported</h2>
          <ul className="imported">
            {done.slice(0, LISTED).map(({ index, threadId, title, messages }) => (
              <li key={index}>
                <Link href={pathOf('sessions', threadId)} className="mono">
                  {threadId}
                </Link>
                <span className="imported-title">{title}</span>
                <span className="muted small">{plural(messages, 'message')}</span>
              </li>
            ))}
          </ul>
          {done.length > LISTED && (
            <p className="muted small">And {count(done.length - LISTED)} more: see Sessions.</p>
          )}
        </section>
      )}
    </div>
  );
}

interface FailedThreadProps {
  readonly thread: ThreadProgress;
  /** As it is typed. */
  readonly threadId: string;
  readonly onType: (threadId: string) => void;
  readonly isRunning: boolean;
  readonly onRetry: (threadId: string, isAdded: boolean) => void;
}

function FailedThread(props: FailedThreadProps): ReactNode {
  const { thread, threadId, onType, isRunning, onRetry } = props;
  const { problem, title, sent, messages } = thread;
  const fault = threadIdFault(threadId);
  return (
    <li className="conversation conversation-failed">
      <div className="conversation-body">
        <p className="conversation-title">{title}</p>
        <p className="left-out">{problem && reasonOf(problem)}</p>
        {problem && problem.violations.length > 0 && (
          <ul className="degraded small">
            {problem.violations.map(({ field, message }) => (
              <li key={`${field} ${message}`}>
                <code>{field}</code> {message}
              </li>
            ))}
          </ul>
        )}
        {sent > 0 && (
          <p className="small muted">
            {count(sent)} of {plural(messages, 'message')} are stored.
          </p>
        )}
      </div>
      <div className="stack">
        <TextField
          label={`Thread id of ${title}`}
          value={threadId}
          onChange={onType}
          error={fault}
          monospaced
        />
        <div className="actions">
          <Button
            isDisabled={isRunning || fault !== undefined}
            onPress={() => {
              onRetry(threadId, false);
            }}
          >
            Try again
          </Button>
          {problem?.code === 'version_conflict' && threadId === thread.threadId && (
            <Button
              isDisabled={isRunning}
              onPress={() => {
                onRetry(threadId, true);
              }}
            >
              Add to the thread
            </Button>
          )}
        </div>
      </div>
    </li>
  );
}

function reasonOf(problem: NonNullable<ThreadProgress['problem']>): string {
  if (problem.code === 'version_conflict')
    return 'There is a thread with this id already, and it was left as it is. Choose another id, or add the whole conversation behind it.';
  if (problem.code === 'message_id_taken')
    return 'The thread holds a message with one of these ids already: was this imported before? Choose another thread id to have it twice.';
  if (problem.code === 'body_too_large')
    return 'One of its messages is larger than the service accepts at once (BODY_LIMIT).';
  return problem.detail;
}
