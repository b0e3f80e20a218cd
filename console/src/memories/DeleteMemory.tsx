import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { deleteMemory, type MemoryEntry } from 'triptych-client';
import { useLocation } from 'wouter';
import { asProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { ConfirmDialog } from '../components/ConfirmDialog.js';
import { useApi } from '../credential/SignedIn.js';
import { updateCached } from './cached-lists.js';
import { excerptOf } from './MemoryRow.js';

interface DeleteMemoryProps {
  readonly memory: MemoryEntry;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

/** Asks, and deletes a memory with all its revisions. */
export function DeleteMemory({ memory, isOpen, onClose }: DeleteMemoryProps): ReactNode {
  const { memoryId, agentId } = memory;
  const api = useApi();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const remove = useMutation({
    mutationFn: () => api.run((client) => deleteMemory({ client, path: { memoryId } })),
    // Whatever view is open by then.
    onSuccess: () => {
      announce('Memory deleted');
      void updateCached(queries, memoryId, undefined);
    },
  });
  return (
    <ConfirmDialog
      title={`Delete this memory of ${agentId}?`}
      confirm="Delete memory"
      isOpen={isOpen}
      isPending={remove.isPending}
      problem={remove.error && asProblem(remove.error)}
      onConfirm={() => {
        remove.mutate(undefined, {
          // Only for whoever still looks at it.
          onSuccess: () => {
            navigate('/memories', { replace: true });
          },
        });
      }}
      onCancel={() => {
        // What was sent goes on, and leads away from a memory that is gone.
        if (!remove.isPending) remove.reset();
        onClose();
      }}
    >
      <blockquote dir="auto">{excerptOf(memory)}</blockquote>
      <p>
        It goes with all its revisions, and cannot be brought back. To hide it only, retract it by editing.
      </p>
    </ConfirmDialog>
  );
}
