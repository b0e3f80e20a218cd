import { useState, type ReactNode } from 'react';
import { DecisionMark } from './DecisionMark.js';
import { reasonInWords, remedyFor } from './reasons.js';
import type { ShownItem } from './receipt-items.js';
import { count } from './sections.js';

interface ItemRowProps {
  readonly item: ShownItem;
  /** Of what was dropped too, where it is known. */
  readonly text: string | undefined;
  /** The best score of the section, which fills the bar of scores. */
  readonly highest: number;
}

/** One part: its beginning, and opened the whole of it with everything that the receipt says. */
export function ItemRow({ item, text, highest }: ItemRowProps): ReactNode {
  const { decision, tokens, id, score, who, reason } = item;
  const [isOpen, setOpen] = useState(false);
  const remedy = remedyFor(item);
  return (
    <li className={`item item-${decision}`}>
      <details
        onToggle={({ currentTarget }) => {
          setOpen(currentTarget.open);
        }}
      >
        <summary className="item-head">
          <DecisionMark decision={decision} />
          <span className="item-text">
            {who !== undefined && <span className="item-who">{who}</span>}
            {text === undefined ? <span className="mono muted">{id}</span> : text.slice(0, 400)}
          </span>
          <span className="item-figures number">
            {count(tokens)} <span className="muted">tok</span>
          </span>
          <span className="item-why">{reasonInWords(item)}</span>
          {score !== undefined && (
            <span
              className="item-score number"
              title="Score of the search; it compares the memories of this compile alone"
            >
              <span className="item-score-bar" aria-hidden="true">
                <span style={{ width: `${highest > 0 ? Math.max(0, (score / highest) * 100) : 0}%` }} />
              </span>
              <span className="visually-hidden">score </span>
              {score.toFixed(3)}
            </span>
          )}
        </summary>
        {isOpen && (
          <div className="item-body">
            {text !== undefined && <div className="item-whole">{text}</div>}
            <dl className="item-facts small">
              <dt>Id</dt>
              <dd className="mono">{id}</dd>
              <dt>Reason</dt>
              <dd>
                <code>{reason}</code>
                {remedy !== undefined && <> · {remedy}</>}
              </dd>
              <dt>Tokens</dt>
              <dd>{decision === 'dropped' ? `${count(tokens)}, had it been sent` : count(tokens)}</dd>
            </dl>
          </div>
        )}
      </details>
    </li>
  );
}
