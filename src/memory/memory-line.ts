import { dataLine } from './data-line.js';
import type { MemoryEntry } from './memory-entry.entity.js';

/** What a prompt shows of a memory. */
export type ShownMemory = Pick<MemoryEntry, 'memoryId' | 'agentId' | 'content' | 'source' | 'createdAt'>;

/** A memory as the model sees it. */
export interface ContextItem {
  id: string;
  /** Who said it: the speaker, else the role, else the agent that stored it. */
  who: string;
  /** When it was said, else when it was stored; ISO 8601. */
  when: string;
  /** The thread it was said in, and its place there, where they are known. */
  thread?: string;
  seq?: number;
  text: string;
}

export function contextItem({ memoryId, agentId, content, source, createdAt }: ShownMemory): ContextItem {
  return {
    id: memoryId,
    who: source?.speaker ?? source?.role ?? agentId,
    when: source?.occurredAt ?? createdAt.toISOString(),
    ...(source?.threadId !== undefined && { thread: source.threadId }),
    ...(source?.seq !== undefined && { seq: source.seq }),
    text: content,
  };
}

/**
 * The memory's line in a prompt, its line break included; begins with `{` and holds no other break. Its tokens are
 * counted when the memory is written (`shared.agent_memories.tokens`), so it depends on nothing but the memory.
 */
export function memoryLine(memory: ShownMemory): string {
  return dataLine(contextItem(memory));
}
