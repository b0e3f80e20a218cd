import { useMutation, type UseMutationResult } from '@tanstack/react-query';
import { compileContext } from 'triptych-client';
import { useApi } from '../credential/SignedIn.js';
import type { CompileRequest, CompileRun } from './working-context.js';

/** Asks the service for a working context, and keeps what was asked beside what was answered. */
export function useCompile(
  onCompiled: (run: CompileRun) => void,
): UseMutationResult<CompileRun, Error, CompileRequest> {
  const api = useApi();
  return useMutation({
    mutationFn: async (request: CompileRequest): Promise<CompileRun> => ({
      request,
      answer: await api.run((client) => compileContext({ client, body: request })),
      at: Date.now(),
    }),
    onSuccess: onCompiled,
  });
}
