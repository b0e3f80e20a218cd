import type { RunnableConfig } from '@langchain/core/runnables';

/** What LangGraph says in a configuration: which thread, which (sub)graph, which checkpoint, and who asks. */

export function threadIdOf({ configurable }: RunnableConfig): string | undefined {
  return configurable?.['thread_id'] as string | undefined;
}

/** '' for the graph itself; a subgraph has a namespace of its own, often one for each of its runs. */
export function namespaceOf({ configurable }: RunnableConfig): string {
  return (configurable?.['checkpoint_ns'] as string | undefined) ?? '';
}

/** A subgraph's checkpoints carry a namespace; the conversation of the thread is the root's. */
export function isRoot(config: RunnableConfig): boolean {
  return namespaceOf(config) === '';
}

export function checkpointIdOf({ configurable }: RunnableConfig): string | undefined {
  return configurable?.['checkpoint_id'] as string | undefined;
}

/** The same configuration, naming a checkpoint. */
export function at({ configurable }: RunnableConfig, checkpointId: string): RunnableConfig {
  const { thread_id, checkpoint_ns = '' } = configurable as Record<string, string>;
  return { configurable: { thread_id, checkpoint_ns, checkpoint_id: checkpointId } };
}

/** A configuration that comes from a run of a graph, and not from a call of the saver by hand. */
export function isRun(config: RunnableConfig): boolean {
  return config.metadata !== undefined;
}
