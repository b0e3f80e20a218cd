import { useEffect, useRef, type RefObject } from 'react';

/** Puts the focus on the heading of what was opened, so that a reader without eyes or mouse is there too. */
export function useArrival(opened: string): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // After the press that opened it, which takes the focus to where it was.
    const arriving = setTimeout(() => heading.current?.focus());
    return () => {
      clearTimeout(arriving);
    };
  }, [opened]);
  return heading;
}
