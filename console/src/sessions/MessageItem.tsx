import type { ReactNode } from 'react';
import type { StoredMessage } from 'triptych-client';
import { Moment } from '../components/Moment.js';
import { callsOf, partsOf, readable, restOf } from './message-parts.js';

/** One message: who, when, what; a tool's call and result as such. Everything in it is text. */
export function MessageItem({ message }: { readonly message: StoredMessage }): ReactNode {
  const { seq, role, name, tokens, createdAt, tool_call_id: answers } = message;
  const rest = restOf(message);
  return (
    <li className="message" data-role={role}>
      <p className="message-head">
        <span className="message-role">{role}</span>
        {name !== undefined && <span dir="auto">{name}</span>}
        <span className="muted small">
          #{seq} · <Moment at={createdAt} /> · {tokens.toLocaleString('en')}{' '}
          {tokens === 1 ? 'token' : 'tokens'}
        </span>
      </p>
      {answers !== undefined && (
        <p className="muted small">
          Result of the call <code>{answers}</code>
        </p>
      )}
      {partsOf(message).map((part, place) =>
        'text' in part ? (
          <div key={place} className={role === 'tool' ? 'message-text mono' : 'message-text'} dir="auto">
            {role === 'tool' ? readable(part.text) : part.text}
          </div>
        ) : (
          <figure key={place} className="message-part">
            <figcaption>{part.name}</figcaption>
            <pre>{part.body}</pre>
          </figure>
        ),
      )}
      {callsOf(message).map((call) => (
        <figure key={call.id} className="message-part">
          <figcaption>
            calls <strong>{call.name}</strong> <code className="muted">{call.id}</code>
          </figcaption>
          <pre>{call.input}</pre>
        </figure>
      ))}
      {rest !== undefined && (
        <details className="small">
          <summary>Other fields</summary>
          <pre className="message-rest">{rest}</pre>
        </details>
      )}
    </li>
  );
}
