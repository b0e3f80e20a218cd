import type { ReactNode } from 'react';
import type { Decision } from './working-context.js';

const SIGNS: Readonly<Record<Decision, string>> = { kept: '✓', shortened: '✂', dropped: '✕' };

/** What was decided, by its word, a sign and a colour. */
export function DecisionMark({ decision }: { readonly decision: Decision }): ReactNode {
  return (
    <span className={`decision decision-${decision}`}>
      <span aria-hidden="true">{SIGNS[decision]}</span> {decision}
    </span>
  );
}
