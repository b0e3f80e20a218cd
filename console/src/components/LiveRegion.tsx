import type { ReactNode } from 'react';

/** Where `announce` writes. It goes with whoever is signed in, and what was last said to them with it. */
export function LiveRegion(): ReactNode {
  return <div id="announcements" className="visually-hidden" role="status" aria-live="polite" />;
}
