import type { ReactNode } from 'react';
import type { MemoryEntry } from 'triptych-client';
import { Link } from 'wouter';
import { Moment } from '../components/Moment.js';
import { pathOf } from '../layout/path.js';
import { MemoryTags } from './MemoryRow.js';

/** What is known about a memory besides what it says. */
export function MemoryFacts({ memory }: { readonly memory: MemoryEntry }): ReactNode {
  const { source, metadata, embeddingFailure: failure } = memory;
  return (
    <>
      {failure && (
        <p className="notice">
          It could not be embedded ({failure.attempts === 1 ? 'once' : `${failure.attempts} times`}, last{' '}
          <Moment at={failure.at} />
          ): {failure.reason} It is found by its words meanwhile.
        </p>
      )}
      <dl className="facts">
        <Fact name="Id">
          <code>{memory.memoryId}</code>
        </Fact>
        <Fact name="State">
          <span className="tag">revision {memory.revision}</span> <MemoryTags memory={memory} />
          {memory.embeddingStatus === 'ready' && (
            <span className="tag tag-accent">found by words and vectors</span>
          )}
        </Fact>
        <Fact name="Stored">
          <Moment at={memory.createdAt} />
        </Fact>
        <Fact name="Changed">
          <Moment at={memory.updatedAt} />
          {memory.storedBy !== null && ` by ${memory.storedBy}`}
        </Fact>
        {source?.threadId !== undefined && (
          <Fact name="From">
            <Link className="mono" href={pathOf('sessions', source.threadId)}>
              {source.threadId}
            </Link>
            {source.seq !== undefined && ` #${source.seq}`}
          </Fact>
        )}
        {(source?.speaker ?? source?.role) !== undefined && (
          <Fact name="Said by">{[source?.speaker, source?.role].filter(Boolean).join(', ')}</Fact>
        )}
        {source?.occurredAt !== undefined && (
          <Fact name="Said at">
            <Moment at={source.occurredAt} />
          </Fact>
        )}
        {Object.keys(metadata).length > 0 && (
          <Fact name="Metadata">
            <pre className="json">{JSON.stringify(metadata, null, 2)}</pre>
          </Fact>
        )}
      </dl>
    </>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
