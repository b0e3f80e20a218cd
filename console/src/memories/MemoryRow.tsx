import type { ReactNode } from 'react';
import type { MemoryEntry } from 'triptych-client';
import { Moment } from '../components/Moment.js';

const EXCERPT = 240;

/** The beginning of a memory: as much as is ever shown of it in a list. */
export function excerptOf({ content }: Pick<MemoryEntry, 'content'>): string {
  return content.length > EXCERPT ? `${content.slice(0, EXCERPT).toWellFormed()}…` : content;
}

/** A memory in a list. */
export function MemoryRow({
  memory,
  children,
}: {
  readonly memory: MemoryEntry;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <>
      <span className="memory-excerpt" dir="auto">
        {excerptOf(memory)}
      </span>
      {children}
      <span className="row-facts">
        <MemoryTags memory={memory} />
        <span className="mono">{memory.agentId}</span> · <Moment at={memory.updatedAt} />
      </span>
    </>
  );
}

/** What is unusual about a memory. */
export function MemoryTags({ memory }: { readonly memory: MemoryEntry }): ReactNode {
  const { embeddingStatus, retractedAt, copies } = memory;
  return (
    <>
      {embeddingStatus === 'pending' && <span className="tag tag-warning">waits for its embedding</span>}
      {embeddingStatus === 'parked' && <span className="tag tag-danger">embedding given up</span>}
      {retractedAt !== null && <span className="tag">retracted</span>}
      {copies > 1 && <span className="tag">said {copies} times</span>}
    </>
  );
}
