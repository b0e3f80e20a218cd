import type { ReactNode } from 'react';

interface EmptyStateProps {
  readonly title: string;
  /** How something would come here. */
  readonly children?: ReactNode;
}

/** Says that there is nothing, and what to do about it. */
export function EmptyState({ title, children }: EmptyStateProps): ReactNode {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}
