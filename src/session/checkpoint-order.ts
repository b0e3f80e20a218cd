import type { CheckpointKey } from './stock-threads.js';

/** A checkpoint in its turn. */
export interface OrderedCheckpoint {
  readonly key: CheckpointKey;
  /** Whether the checkpoint that it names as its parent is there. */
  readonly hasParent: boolean;
}

/**
 * Checkpoints such that each comes after its parent: in the order given, which is that of their ids and
 * nearly always does, save where a clock was set back.
 */
export function parentsFirst(keys: readonly CheckpointKey[]): OrderedCheckpoint[] {
  const byName = new Map(keys.map((key) => [nameOf(key.namespace, key.id), key]));
  const parentOf = ({ namespace, parentId }: CheckpointKey): CheckpointKey | undefined =>
    parentId === null ? undefined : byName.get(nameOf(namespace, parentId));
  const placed = new Set<CheckpointKey>();
  const ordered: OrderedCheckpoint[] = [];
  for (const key of keys) {
    const line: CheckpointKey[] = [];
    // What was placed ends a line that leads back to itself: a checkpoint can name itself as its parent.
    for (let next: CheckpointKey | undefined = key; next; next = parentOf(next)) {
      if (placed.has(next)) break;
      placed.add(next);
      line.push(next);
    }
    for (const next of line.reverse())
      ordered.push({ key: next, hasParent: parentOf(next) !== undefined && parentOf(next) !== next });
  }
  return ordered;
}

function nameOf(namespace: string, id: string): string {
  return JSON.stringify([namespace, id]);
}
