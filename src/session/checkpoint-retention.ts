/** A checkpoint of a thread, as much of it as says what needs it. */
export interface RetainedCheckpoint {
  /** '' for the thread's own graph, else that of a subgraph. */
  readonly namespace: string;
  readonly id: string;
  readonly parentId: string | null;
  /** The checkpoint of the thread's own graph in which a subgraph ran; null where nothing is known of it. */
  readonly rootId: string | null;
  /** Written by a LangGraph that kept tasks to come with the writes of the checkpoint before. */
  readonly needsParent: boolean;
  /** The channels of which it stores the changes since the last snapshot alone. */
  readonly deltas: readonly string[];
  /** Of the channels that are such anywhere in the thread: those whose value it stores. */
  readonly held: readonly string[];
}

/**
 * The checkpoints that stay when a thread is to keep the newest `keep` of its own graph: those; what subgraphs
 * wrote while they were under way; the newest state of each subgraph that remembers; and the ancestors out of
 * which LangGraph rebuilds the value of a delta channel, back to its last snapshot.
 * @param headId the newest checkpoint, whatever the clocks of the writers said
 */
export function checkpointsToKeep(
  checkpoints: readonly RetainedCheckpoint[],
  headId: string | null,
  keep: number,
): Set<RetainedCheckpoint> {
  const newestFirst = [...checkpoints].sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
  const roots = newestFirst.filter(({ namespace }) => namespace === '');
  const head = roots.filter(({ id }) => id === headId);
  // Without one of the thread's own graph nothing says what is old.
  if (roots.length === 0) return new Set(checkpoints);
  const kept = new Set([...head, ...roots.filter(({ id }) => id !== headId)].slice(0, keep));
  const rootIds = new Set([...kept].map(({ id }) => id));
  const remembering = new Set<string>();
  for (const checkpoint of newestFirst) {
    const { namespace, rootId } = checkpoint;
    if (namespace === '') continue;
    const isNewest = isRemembering(namespace) && !remembering.has(namespace);
    if (isNewest) remembering.add(namespace);
    if (isNewest || rootId === null || rootIds.has(rootId)) kept.add(checkpoint);
  }
  return withAncestors(checkpoints, kept);
}

/** A subgraph that begins anew each time has the id of its task in its namespace: `agent:0198…`. */
function isRemembering(namespace: string): boolean {
  return !namespace.includes(':');
}

function withAncestors(
  checkpoints: readonly RetainedCheckpoint[],
  kept: ReadonlySet<RetainedCheckpoint>,
): Set<RetainedCheckpoint> {
  const byName = new Map(checkpoints.map((checkpoint) => [nameOf(checkpoint, checkpoint.id), checkpoint]));
  const parentOf = (checkpoint: RetainedCheckpoint): RetainedCheckpoint | undefined =>
    byName.get(nameOf(checkpoint, checkpoint.parentId));
  const channels = new Map<string, Set<string>>();
  for (const { namespace, deltas } of checkpoints) {
    const known = channels.get(namespace) ?? new Set();
    channels.set(namespace, known);
    for (const channel of deltas) known.add(channel);
  }
  const all = new Set(kept);
  for (const checkpoint of kept) {
    const parent = checkpoint.needsParent ? parentOf(checkpoint) : undefined;
    if (parent) all.add(parent);
    for (const channel of channels.get(checkpoint.namespace) ?? []) {
      const passed = new Set<RetainedCheckpoint>();
      let next: RetainedCheckpoint | undefined = checkpoint;
      while (next && !passed.has(next)) {
        all.add(next);
        passed.add(next);
        next = next.held.includes(channel) ? undefined : parentOf(next);
      }
    }
  }
  return all;
}

function nameOf({ namespace }: RetainedCheckpoint, id: string | null): string {
  return JSON.stringify([namespace, id]);
}
