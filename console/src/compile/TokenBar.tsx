import type { ReactNode } from 'react';
import { count, percent, plural } from './sections.js';
import { barInWords, prefixInWords, type TokenBar as Bar } from './token-bar.js';

/** Parts of a section narrower than this are not divided: the lines would be all that is seen. */
const DIVIDED_FROM = 0.006;

interface TokenBarProps {
  readonly bar: Bar;
  /** Tokens that the full width stands for; more than the bar's own where two are compared. */
  readonly scale?: number;
  readonly label?: string;
  /** Whether it is shown what the turn before had too. */
  readonly hasPrefix?: boolean;
}

/** The sections of a prompt, stacked against the budget, and how much of it the turn before had too. */
export function TokenBar({
  bar,
  scale = bar.total,
  label = 'Tokens',
  hasPrefix = true,
}: TokenBarProps): ReactNode {
  const { total, stretches } = bar;
  const prefix = hasPrefix ? bar.prefix : undefined;
  return (
    <div
      className="bar-frame"
      role="img"
      aria-label={`${label}: ${barInWords(bar)}`}
      style={{ width: `${(total / scale) * 100}%` }}
    >
      <div className="bar">
        {stretches
          .filter(({ tokens }) => tokens > 0)
          .map(({ key, label, share, tokens, parts }) => (
            <div
              key={key}
              className={`stretch fill-${key}`}
              style={{ flexGrow: share }}
              title={`${label}: ${plural(tokens, 'token')}`}
            >
              {parts.length > 1 && parts.every((part) => part / total > DIVIDED_FROM) && (
                <span className="divisions">
                  {parts.map((part, index) => (
                    <span key={index} style={{ flexGrow: part }} />
                  ))}
                </span>
              )}
              <span className="stretch-label">
                <b>{key === 'sessionHistory' ? 'History' : label}</b> {count(tokens)}
              </span>
            </div>
          ))}
      </div>
      {prefix && prefix.tokens > 0 && (
        <div className="prefix">
          <div className="prefix-line" style={{ width: `${prefix.share * 100}%` }} />
          <span className="prefix-text">
            <b>As in the turn before</b> {count(prefix.tokens)} tokens · {percent(prefix.ofPrompt, 1)} of the
            prompt
          </span>
        </div>
      )}
      {prefix?.tokens === 0 && (
        <div className="prefix">
          <span className="prefix-text">{prefixInWords(prefix)}</span>
        </div>
      )}
    </div>
  );
}
