import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { getBudgets, type Budgets } from 'triptych-client';
import { useApi } from '../credential/SignedIn.js';

/** The tiers and shares in force. They change only with the service's settings. */
export function useBudgets(): UseQueryResult<Budgets> {
  const api = useApi();
  return useQuery({
    queryKey: ['budgets'],
    queryFn: ({ signal }) => api.run((client) => getBudgets({ client, signal })),
    staleTime: 300_000,
  });
}
