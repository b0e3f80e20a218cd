import { useEffect } from 'react';

/** Names the tab and its entry in the history. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Triptych`;
  }, [title]);
}
