import { useCallback, useSyncExternalStore } from 'react';
import { useApi } from '../credential/SignedIn.js';
import { keptOf } from './kept.js';

/**
 * State that outlives its view, for as long as somebody is signed in: what was typed is still there when one comes back from
 * another view.
 * @param name unique in the console
 * @param initially may be a new object each time: the first one is kept
 */
export function useKept<Value>(name: string, initially: Value): [Value, (next: Value) => void] {
  const kept = keptOf(useApi());
  if (!kept.values.has(name)) kept.values.set(name, initially);
  const value = useSyncExternalStore(
    useCallback(
      (listener: () => void) => {
        kept.listeners.add(listener);
        return () => kept.listeners.delete(listener);
      },
      [kept],
    ),
    () => kept.values.get(name) as Value,
  );
  const set = useCallback(
    (next: Value) => {
      kept.values.set(name, next);
      for (const listener of kept.listeners) listener();
    },
    [kept, name],
  );
  return [value, set];
}
