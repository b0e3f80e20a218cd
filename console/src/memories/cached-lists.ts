import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import type { MemoryEntry, MemoryPage } from 'triptych-client';

/**
 * Brings what was fetched up to date with one memory that was changed, or (undefined) deleted. The pages of the list stay
 * where they are: to fetch them anew would be a request for each.
 */
export async function updateCached(
  queries: QueryClient,
  memoryId: string,
  changed: MemoryEntry | undefined,
): Promise<void> {
  queries.setQueriesData<InfiniteData<MemoryPage>>(
    { queryKey: ['memories', 'list'] },
    (list) => list && { ...list, pages: list.pages.map((page) => withChange(page, memoryId, changed)) },
  );
  if (changed) queries.setQueryData(['memories', 'one', memoryId], changed);
  else queries.removeQueries({ queryKey: ['memories', 'one', memoryId] });
  await queries.invalidateQueries({ queryKey: ['memories', 'search'] });
}

function withChange(page: MemoryPage, memoryId: string, changed: MemoryEntry | undefined): MemoryPage {
  const memories = page.memories.flatMap((memory) =>
    memory.memoryId === memoryId ? (changed ? [changed] : []) : [memory],
  );
  return { ...page, memories };
}
