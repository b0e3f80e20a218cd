import { useEffect, useRef, type RefObject } from 'react';

type Heading = RefObject<HTMLHeadingElement | null>;

/** Puts the focus on the heading of what was opened, so that a reader without eyes or mouse is there too. */
export function useArrival(opened: string): Heading {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const arriving = arriveAt(heading);
    return () => {
      clearTimeout(arriving);
    };
  }, [opened]);
  return heading;
}

/** Puts the focus on the heading of a list when what was open of it has gone, and the focus with it. */
export function useReturn(opened: string | undefined): Heading {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(opened);
  useEffect(() => {
    const isReturn = opened === undefined && before.current !== undefined;
    before.current = opened;
    if (!isReturn) return;
    const arriving = setTimeout(() => {
      if (document.activeElement === document.body) heading.current?.focus();
    });
    return () => {
      clearTimeout(arriving);
    };
  }, [opened]);
  return heading;
}

/** Puts the focus on a heading, after the press that leads there, which takes the focus to where it was. */
export function arriveAt(heading: Heading): ReturnType<typeof setTimeout> {
  return setTimeout(() => heading.current?.focus());
}
