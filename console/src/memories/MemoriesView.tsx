import { useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { Button } from '../components/Button.js';
import { EmptyState } from '../components/EmptyState.js';
import { useKept } from '../layout/useKept.js';
import { pathOf, usePath } from '../layout/path.js';
import { useReturn } from '../layout/useArrival.js';
import { useTitle } from '../layout/useTitle.js';
import { FoundMemories } from './FoundMemories.js';
import { MemoryDetail } from './MemoryDetail.js';
import { MemoryFilters } from './MemoryFilters.js';
import { MemoryList } from './MemoryList.js';
import { NewMemory } from './NewMemory.js';
import { NO_RESTRICTION, type Restriction } from './restriction.js';
import './memories.css';

/** What is known of the tenant: a list or what a search found, and the memory that is open. */
export function MemoriesView(): ReactNode {
  const queries = useQueryClient();
  const [, memoryId] = usePath();
  const [, navigate] = useLocation();
  const heading = useReturn(memoryId);
  useTitle(memoryId === 'new' ? 'New memory' : 'Memories');
  const [restriction, setRestriction] = useKept<Restriction>('memories.restriction', NO_RESTRICTION);
  const asked = useDeferredValue(restriction);
  const open = (id: string): void => {
    navigate(pathOf('memories', id));
  };
  return (
    <div className="split" data-open={memoryId !== undefined}>
      <section className="split-list" aria-label="Find memories">
        <div className="split-head">
          <div className="split-head-row">
            <h1 ref={heading} tabIndex={-1}>
              Memories
            </h1>
            <div className="actions">
              <Button kind="quiet" onPress={() => void queries.resetQueries({ queryKey: ['memories'] })}>
                Refresh
              </Button>
              <Link className="button button-primary" href={pathOf('memories', 'new')}>
                Add
              </Link>
            </div>
          </div>
          <MemoryFilters restriction={restriction} onChange={setRestriction} />
        </div>
        {asked.query === '' ? (
          <MemoryList restriction={asked} openId={memoryId} onOpen={open} />
        ) : (
          <FoundMemories restriction={asked} openId={memoryId} onOpen={open} />
        )}
      </section>
      <section className="split-detail" aria-label="Memory">
        {memoryId === undefined ? (
          <EmptyState title="No memory is open">
            <p>Choose one to read, change or delete it, and to see what it said before.</p>
          </EmptyState>
        ) : memoryId === 'new' ? (
          <NewMemory />
        ) : (
          <MemoryDetail key={memoryId} memoryId={memoryId} />
        )}
      </section>
    </div>
  );
}
