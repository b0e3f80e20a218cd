import { Component, type ReactNode } from 'react';
import { asProblem } from '../api/problem.js';
import { ProblemMessage } from './ProblemMessage.js';

interface ErrorBoundaryProps {
  /** Where one is: what could not be shown at one place is tried again at the next. */
  readonly place?: string;
  readonly children: ReactNode;
}

interface ErrorBoundaryState {
  readonly error?: unknown;
}

/** Says what went wrong in place of what cannot be shown, and keeps what is around it. A class: React has no hook for it. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, ErrorBoundaryState> {
  override state: ErrorBoundaryState = {};

  static getDerivedStateFromError(error: unknown): ErrorBoundaryState {
    return { error };
  }

  override componentDidUpdate({ place }: ErrorBoundaryProps): void {
    if (place !== this.props.place) this.#again();
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return (
      <div className="page">
        <ProblemMessage
          problem={asProblem(this.state.error)}
          onRetry={() => {
            this.#again();
          }}
        />
      </div>
    );
  }

  #again(): void {
    if (this.state.error !== undefined) this.setState({ error: undefined });
  }
}
