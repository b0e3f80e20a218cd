import type { ReactNode } from 'react';

/** Where `announce` writes. */
export function LiveRegion(): ReactNode {
  return <div id="announcements" className="visually-hidden" role="status" aria-live="polite" />;
}
