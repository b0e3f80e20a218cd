import { useIsMutating, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { changeMemory, type MemoryEntry } from 'triptych-client';
import { asProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { Button } from '../components/Button.js';
import { focusFault } from '../components/focus-fault.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { useApi } from '../credential/SignedIn.js';
import { useIsKept, useKept } from '../layout/useKept.js';
import { updateCached } from './cached-lists.js';
import { MemoryFields } from './MemoryFields.js';
import { readMetadata, writeMetadata } from './metadata.js';

interface ChangeMemoryProps {
  readonly memory: MemoryEntry;
  readonly onDone: () => void;
}

const keyOf = (memoryId: string): string => `memories.change.${memoryId}`;

/** Whether a change of the memory was begun and not saved. */
export function useHasDraft(memoryId: string): boolean {
  return useIsKept(keyOf(memoryId));
}

/** Changes a memory, which makes a new revision of it; what is typed stays until it is saved. */
export function ChangeMemory({ memory, onDone }: ChangeMemoryProps): ReactNode {
  const { memoryId } = memory;
  const api = useApi();
  const queries = useQueryClient();
  const [typed, change, forget] = useKept(keyOf(memoryId), {
    content: memory.content,
    metadata: writeMetadata(memory.metadata),
    retracted: memory.retractedAt !== null,
    /** The revision that was changed, to tell when somebody else was faster. */
    revision: memory.revision,
  });
  const [isChecked, setChecked] = useState(false);
  const read = readMetadata(typed.metadata);
  const fault =
    typed.content.trim() === '' ? 'A memory says something. To take it away, delete it.' : undefined;
  const mutationKey = ['memories', 'change', memoryId];
  const save = useMutation({
    mutationKey,
    mutationFn: (metadata: Record<string, unknown>) =>
      api.run((client) =>
        changeMemory({
          client,
          path: { memoryId },
          body: { content: typed.content, metadata, retracted: typed.retracted },
        }),
      ),
    // Whatever view is open by then.
    onSuccess: (changed) => {
      forget();
      announce(`Saved as revision ${changed.revision}`);
      void updateCached(queries, memoryId, changed);
    },
  });
  /** In this form, or in one that was left meanwhile: what was sent must not change, nor go a second time. */
  const isPending = useIsMutating({ mutationKey }) > 0;
  return (
    <form
      className="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setChecked(true);
        if (!fault && 'metadata' in read && !isPending) save.mutate(read.metadata, { onSuccess: onDone });
        focusFault(event.currentTarget);
      }}
    >
      <MemoryFields
        typed={typed}
        onChange={(changed) => {
          change({ ...typed, ...changed });
        }}
        faults={{ content: isChecked ? fault : undefined, metadata: isChecked ? read.fault : undefined }}
        isReadOnly={isPending}
        autoFocus
      />
      <label className="memory-check">
        <input
          type="checkbox"
          checked={typed.retracted}
          disabled={isPending}
          onChange={({ target }) => {
            change({ ...typed, retracted: target.checked });
          }}
        />
        Retracted: kept, and no longer found
      </label>
      {typed.revision < memory.revision && (
        <p className="notice" role="status">
          Somebody changed it meanwhile: it is at revision {memory.revision}, and you began with{' '}
          {typed.revision}. Saving puts yours over theirs; the history keeps both.
        </p>
      )}
      {save.error && <ProblemMessage problem={asProblem(save.error)} />}
      <div className="actions">
        <Button kind="primary" type="submit" isPending={isPending}>
          Save as revision {memory.revision + 1}
        </Button>
        <Button
          onPress={() => {
            forget();
            onDone();
          }}
        >
          Cancel
        </Button>
      </div>
    </form>
  );
}
