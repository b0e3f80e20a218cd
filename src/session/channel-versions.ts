import { maxChannelVersion, type ChannelVersions } from '@langchain/langgraph-checkpoint';

/** The newest version of any channel; undefined when there is none. */
export function newestVersion(versions: ChannelVersions): number | undefined {
  const all = Object.values(versions);
  return all.length > 0 ? (maxChannelVersion(...all) as number) : undefined;
}

/**
 * The next whole number and a random fraction. LangGraph's own versions are whole numbers, so two
 * branches of a fork give the same version to different values, and the saver keeps only the first.
 */
export function nextVersion(current: number | undefined): number {
  return Math.floor(current ?? 0) + 1 + Math.random();
}
