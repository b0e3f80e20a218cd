import type { Api } from '../api/api.js';

export interface Kept {
  readonly values: Map<string, unknown>;
  readonly listeners: Set<() => void>;
}

const keptFor = new WeakMap<Api, Kept>();

/** What the views keep for whoever is signed in; it stays in this page and is stored nowhere. */
export function keptOf(api: Api): Kept {
  const kept = keptFor.get(api) ?? { values: new Map(), listeners: new Set() };
  keptFor.set(api, kept);
  return kept;
}

/** Ends what is kept for somebody who signs out: whatever has a `close` is closed. */
export function closeKept(api: Api): void {
  for (const value of keptFor.get(api)?.values.values() ?? []) if (isClosable(value)) value.close();
  keptFor.delete(api);
}

function isClosable(value: unknown): value is { close(): void } {
  return typeof (value as { close?: unknown } | undefined)?.close === 'function';
}
