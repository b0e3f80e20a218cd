import type { ReactNode } from 'react';

/** Files that were dropped with the one that is read. */
export function NotTaken({ names }: { readonly names: readonly string[] }): ReactNode {
  if (names.length === 0) return null;
  return (
    <p className="notice small" role="status">
      One file is read at a time. Not taken: {names.join(', ')}.
    </p>
  );
}
