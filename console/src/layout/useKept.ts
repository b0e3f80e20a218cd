import { useCallback, useSyncExternalStore } from 'react';
import { useApi } from '../credential/SignedIn.js';
import { keptOf, type Kept } from './kept.js';

/**
 * State that outlives its view, for as long as somebody is signed in: what was typed is still there when one comes back from
 * another view.
 * @param name unique in the console
 * @param initial for as long as nothing was set
 * @returns the value, how to set it, and how to go back to the initial one
 */
export function useKept<Value>(
  name: string,
  initial: Value,
): readonly [value: Value, set: (next: Value) => void, forget: () => void] {
  const kept = keptOf(useApi());
  const value = useStored(kept, name);
  const set = useCallback(
    (next: Value) => {
      kept.values.set(name, next);
      tell(kept);
    },
    [kept, name],
  );
  const forget = useCallback(() => {
    kept.values.delete(name);
    tell(kept);
  }, [kept, name]);
  return [kept.values.has(name) ? (value as Value) : initial, set, forget];
}

/** Whether something was set under the name, and not forgotten. */
export function useIsKept(name: string): boolean {
  const kept = keptOf(useApi());
  useStored(kept, name);
  return kept.values.has(name);
}

function useStored(kept: Kept, name: string): unknown {
  return useSyncExternalStore(
    useCallback(
      (listener: () => void) => {
        kept.listeners.add(listener);
        return () => kept.listeners.delete(listener);
      },
      [kept],
    ),
    () => kept.values.get(name),
  );
}

function tell({ listeners }: Kept): void {
  for (const listener of listeners) listener();
}
