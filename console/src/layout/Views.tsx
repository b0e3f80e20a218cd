import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, type ComponentType, type ReactNode } from 'react';
import { Redirect } from 'wouter';
import { asProblem } from '../api/problem.js';
import { Busy } from '../components/Busy.js';
import { EmptyState } from '../components/EmptyState.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { usePath } from './path.js';

/** Each view is a file of its own, so that the first one is there soon. */
const LOADERS: ReadonlyMap<string, () => Promise<ComponentType>> = new Map<
  string,
  () => Promise<ComponentType>
>([
  ['sessions', async () => (await import('../sessions/SessionsView.js')).SessionsView],
  ['memories', async () => (await import('../memories/MemoriesView.js')).MemoriesView],
  ['compile', async () => (await import('../compile/CompileView.js')).CompileView],
  ['import', async () => (await import('../import/ImportView.js')).ImportView],
]);

/**
 * The view that the first segment of the path names. Not by patterns of wouter, which end at a line break: an id may
 * hold one. Not by `lazy` of React, which takes the whole page away when a file cannot be had.
 */
export function Views(): ReactNode {
  const [name] = usePath();
  const load = name === undefined ? undefined : LOADERS.get(name);
  if (name === undefined || name === 'sign-in') return <Redirect to="/sessions" replace />;
  if (load) return <View key={name} name={name} load={load} />;
  return (
    <EmptyState title="There is nothing at this address">
      <p>Choose a view above.</p>
    </EmptyState>
  );
}

interface ViewProps {
  readonly name: string;
  readonly load: () => Promise<ComponentType>;
}

function View({ name, load }: ViewProps): ReactNode {
  const queries = useQueryClient();
  const view = useQuery(loading(name, load));
  const isThere = view.data !== undefined;
  useEffect(() => {
    // The others while there is a connection: what was typed in one must not wait for the service to open it again.
    if (isThere)
      for (const [other, load] of LOADERS) void queries.query(loading(other, load)).catch(() => undefined);
  }, [isThere, queries]);
  if (view.error)
    return (
      <div className="page">
        <ProblemMessage
          problem={asProblem(view.error)}
          isRetrying={view.isFetching}
          onRetry={() => void view.refetch()}
        />
      </div>
    );
  if (!view.data) return <Busy label="Loading" />;
  const { Component } = view.data;
  return <Component />;
}

function loading(name: string, load: ViewProps['load']) {
  return {
    queryKey: ['view', name],
    queryFn: async () => ({ Component: await load() }),
    staleTime: Infinity,
    gcTime: Infinity,
  };
}
