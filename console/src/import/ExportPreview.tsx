// Over 200 lines: the preview is one form over one list.
import { useState, type ReactNode } from 'react';
import { Button } from '../components/Button.js';
import { SelectField } from '../components/SelectField.js';
import { TextField } from '../components/TextField.js';
import { ConversationRow } from './ConversationRow.js';
import { NotTaken } from './NotTaken.js';
import { count, plural } from '../compile/sections.js';
import { threadIdFaults, threadIdOf, wanted, type Chosen } from './import-state.js';

const PAGE = 25;
const REFUSALS_LISTED = 200;
const FORMATS = {
  openai: 'OpenAI’s form',
  jsonl: 'OpenAI’s form, one conversation a line',
  chatgpt: 'ChatGPT’s export',
};

interface ExportPreviewProps {
  readonly chosen: Chosen;
  readonly onChange: (chosen: Chosen) => void;
  readonly onImport: (chosen: Chosen) => void;
  readonly onStartAgain: () => void;
}

/** What is in the file and where it would go, before anything is sent. */
export function ExportPreview({ chosen, onChange, onImport, onStartAgain }: ExportPreviewProps): ReactNode {
  const { summary, fileName } = chosen;
  const { conversations } = summary;
  const [page, setPage] = useState(0);
  const [search, setSearch] = useState('');
  const sent = wanted(chosen);
  const messages = sent.reduce((sum, conversation) => sum + conversation.messages, 0);
  const faults = threadIdFaults(chosen);
  const found = conversations.filter((conversation) =>
    `${conversation.title ?? ''} ${threadIdOf(chosen, conversation)}`
      .toLowerCase()
      .includes(search.toLowerCase()),
  );
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const at = Math.min(page, pages - 1);
  const importable = conversations.filter(({ messages }) => messages > 0);
  const leave = (indexes: readonly number[], isLeft: boolean): void => {
    const left = new Set(chosen.left);
    for (const index of indexes)
      if (isLeft) left.add(index);
      else left.delete(index);
    onChange({ ...chosen, left });
  };
  return (
    <div className="stack">
      <section className="card stack" aria-labelledby="preview-title">
        <div className="result-head">
          <div>
            <h2 id="preview-title" className="file-name">
              {fileName}
            </h2>
            <p className="muted small">
              {FORMATS[summary.format]} · {plural(conversations.length, 'conversation')} ·{' '}
              {plural(
                conversations.reduce((sum, { messages }) => sum + messages, 0),
                'message',
              )}{' '}
              that can be imported
            </p>
          </div>
          <Button onPress={onStartAgain}>Choose another</Button>
        </div>
        {summary.notes.map((note) => (
          <p key={note} className="notice small">
            {note}
          </p>
        ))}
        <NotTaken names={chosen.notTaken} />
        <Refused summary={summary} />
        <div className="import-settings">
          <TextField
            label="Thread ids begin with"
            value={chosen.prefix}
            onChange={(prefix) => {
              onChange({ ...chosen, prefix });
            }}
            monospaced
            spellCheck="false"
          />
          <SelectField
            label="Where a thread exists already"
            value={chosen.addToThreads ? 'add' : 'refuse'}
            options={[
              { value: 'refuse', label: 'Leave it as it is, and say so' },
              { value: 'add', label: 'Add the whole conversation behind it' },
            ]}
            onChange={(choice) => {
              onChange({ ...chosen, addToThreads: choice === 'add' });
            }}
          />
        </div>
        <div className="actions">
          <Button
            kind="primary"
            isDisabled={sent.length === 0 || faults.size > 0}
            onPress={() => {
              onImport(chosen);
            }}
          >
            Import {plural(sent.length, 'conversation')} ({plural(messages, 'message')})
          </Button>
          {faults.size > 0 && (
            <span className="field-error" role="alert">
              {faults.size === 1 ? 'One thread id' : `${count(faults.size)} thread ids`} must be changed
              first: conversation {count(([...faults.keys()][0] ?? 0) + 1)}.
            </span>
          )}
        </div>
      </section>
      <section className="stack" aria-label="Conversations">
        <div className="list-tools">
          <TextField
            label="Find a conversation"
            value={search}
            onChange={(text) => {
              setSearch(text);
              setPage(0);
            }}
          />
          <div className="actions">
            <Button
              kind="quiet"
              onPress={() => {
                leave(
                  found.map(({ index }) => index),
                  false,
                );
              }}
            >
              Take {search === '' ? 'all' : 'these'}
            </Button>
            <Button
              kind="quiet"
              onPress={() => {
                leave(
                  found.map(({ index }) => index),
                  true,
                );
              }}
            >
              Leave {search === '' ? 'all' : 'these'}
            </Button>
            <span className="muted small">
              {count(sent.length)} of {count(importable.length)} taken
            </span>
          </div>
        </div>
        {found.length === 0 && <p className="muted">None is called so.</p>}
        <ul className="conversations">
          {found.slice(at * PAGE, (at + 1) * PAGE).map((conversation) => (
            <ConversationRow
              key={conversation.index}
              conversation={conversation}
              threadId={threadIdOf(chosen, conversation)}
              fault={faults.get(conversation.index)}
              isTaken={conversation.messages > 0 && !chosen.left.has(conversation.index)}
              onTake={(isTaken) => {
                leave([conversation.index], !isTaken);
              }}
              onRename={(threadId) => {
                onChange({ ...chosen, renamed: new Map(chosen.renamed).set(conversation.index, threadId) });
              }}
            />
          ))}
        </ul>
        {pages > 1 && (
          <nav className="actions" aria-label="Pages of conversations">
            <Button
              isDisabled={at === 0}
              onPress={() => {
                setPage(at - 1);
              }}
            >
              Earlier
            </Button>
            <span className="small">
              {count(at + 1)} of {count(pages)}
            </span>
            <Button
              isDisabled={at === pages - 1}
              onPress={() => {
                setPage(at + 1);
              }}
            >
              Later
            </Button>
          </nav>
        )}
      </section>
    </div>
  );
}

/** Parts of the file that are no conversations, and conversations of which a message stays behind. */
function Refused({ summary }: { readonly summary: Chosen['summary'] }): ReactNode {
  const messages = summary.conversations.flatMap(({ at, refused }) =>
    refused.map((refusal) => ({ at: `${at}, ${refusal.at}`, why: refusal.why })),
  );
  const listed = [...summary.refused, ...messages].slice(0, REFUSALS_LISTED);
  const total = summary.conversations.reduce(
    (sum, { refusedCount }) => sum + refusedCount,
    summary.refusedCount,
  );
  if (total === 0) return null;
  return (
    <details className="notice">
      <summary>
        <b>{plural(total, 'place')} cannot be imported</b>; the rest can
      </summary>
      <ul className="degraded small">
        {listed.map(({ at, why }, index) => (
          <li key={index}>
            <b>{at}</b> {why}
          </li>
        ))}
        {total > listed.length && <li>and {count(total - listed.length)} more</li>}
      </ul>
    </details>
  );
}
