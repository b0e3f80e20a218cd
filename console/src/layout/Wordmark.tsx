import type { ReactNode } from 'react';

/** Three panels, and the name. */
export function Wordmark(): ReactNode {
  return (
    <span className="wordmark">
      <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
        <path d="M4 8l6-2v20l-6-2zM12 6h8v20h-8zM28 8l-6-2v20l6-2z" />
      </svg>
      Triptych
    </span>
  );
}
