import type { ReactNode } from 'react';
import { Checkbox } from 'react-aria-components';
import { plural } from '../compile/sections.js';
import { TextField } from '../components/TextField.js';
import type { ConversationSummary } from './export-worker.js';

interface ConversationRowProps {
  readonly conversation: ConversationSummary;
  readonly threadId: string;
  readonly fault: string | undefined;
  readonly isTaken: boolean;
  readonly onTake: (isTaken: boolean) => void;
  readonly onRename: (threadId: string) => void;
}

/** One conversation: whether it is taken, the thread it becomes, and what of it stays behind. */
export function ConversationRow(props: ConversationRowProps): ReactNode {
  const { conversation, threadId, fault, isTaken, onTake, onRename } = props;
  const { at, title, messages, roles, beginning, refusedCount, leftOut } = conversation;
  const name = title ?? at;
  return (
    <li className="conversation">
      {/* eslint-disable-next-line @typescript-eslint/no-deprecated -- its successors are two elements for one box */}
      <Checkbox
        className="check"
        aria-label={`Take ${name}`}
        isSelected={isTaken}
        isDisabled={messages === 0}
        onChange={onTake}
      >
        <span className="check-box" aria-hidden="true">
          ✓
        </span>
      </Checkbox>
      <div className="conversation-body">
        <p className="conversation-title">{name}</p>
        <p className="small muted">
          {messages === 0 ? 'Nothing in it can be imported' : plural(messages, 'message')}
          {Object.entries(roles).map(([role, times]) => ` · ${times} ${role}`)}
        </p>
        {(leftOut.length > 0 || refusedCount > 0) && (
          <p className="small left-out">
            Stays behind:{' '}
            {[
              ...leftOut.map(({ what, times }) => `${times} × ${what}`),
              ...(refusedCount > 0 ? [plural(refusedCount, 'faulty message')] : []),
            ].join(', ')}
          </p>
        )}
        {messages > 0 && (
          <details className="small">
            <summary>How it begins</summary>
            <ol className="beginning">
              {beginning.map(({ role, text }, index) => (
                <li key={index}>
                  <b>{role}</b> {text}
                </li>
              ))}
            </ol>
          </details>
        )}
      </div>
      <TextField
        label={`Thread id of ${name}`}
        value={threadId}
        onChange={onRename}
        error={fault}
        isDisabled={!isTaken}
        monospaced
        spellCheck="false"
      />
    </li>
  );
}
