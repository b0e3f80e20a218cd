import type { ReactNode } from 'react';
import { remedyOf, type ApiProblem } from '../api/problem.js';
import { Button } from './Button.js';

interface ProblemMessageProps {
  readonly problem: ApiProblem;
  /** Offers to do it again. */
  readonly onRetry?: (() => void) | undefined;
  readonly isRetrying?: boolean;
}

/** What went wrong and what to do about it; read out as soon as it appears. */
export function ProblemMessage({ problem, onRetry, isRetrying = false }: ProblemMessageProps): ReactNode {
  const { title, detail, code, requestId, violations } = problem;
  const remedy = remedyOf(problem);
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{title}</p>
      {violations.length > 0 ? (
        <ul className="problem-violations">
          {violations.map(({ field, message }) => (
            <li key={`${field} ${message}`}>
              <code>{field}</code> {message}
            </li>
          ))}
        </ul>
      ) : (
        <p>{detail}</p>
      )}
      {remedy !== undefined && <p>{remedy}</p>}
      <p className="problem-code">
        <code>{code}</code>
        {requestId !== undefined && (
          <>
            {' · request '}
            <code>{requestId}</code>
          </>
        )}
      </p>
      {onRetry && (
        <Button onPress={onRetry} isPending={isRetrying}>
          Try again
        </Button>
      )}
    </div>
  );
}
