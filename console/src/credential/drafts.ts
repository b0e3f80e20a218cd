import { createContext, use, useState } from 'react';

/** What was typed and not yet sent, by where; it outlives the view and ends with the sign-in. */
export const DraftsContext = createContext<Map<string, unknown>>(new Map());

/**
 * A state that is still there when its view is left and met again.
 * @param key where it was typed
 * @param initial before anything was typed
 * @returns the value, how to change it, and how to forget it
 */
export function useDraft<Value>(
  key: string,
  initial: Value,
): readonly [value: Value, change: (value: Value) => void, forget: () => void] {
  const drafts = use(DraftsContext);
  const [, renderAgain] = useState({});
  const value = drafts.has(key) ? (drafts.get(key) as Value) : initial;
  const change = (next: Value): void => {
    drafts.set(key, next);
    renderAgain({});
  };
  const forget = (): void => {
    drafts.delete(key);
    renderAgain({});
  };
  return [value, change, forget];
}
