import { useMutation, useQueryClient } from '@tanstack/react-query';
import { use, useState, type ReactNode } from 'react';
import { changeMemory, type MemoryEntry } from 'triptych-client';
import { asProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { Button } from '../components/Button.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { TextField } from '../components/TextField.js';
import { DraftsContext, useDraft } from '../credential/drafts.js';
import { useApi } from '../credential/SignedIn.js';
import { updateCached } from './cached-lists.js';
import { readMetadata, writeMetadata } from './metadata.js';

interface ChangeMemoryProps {
  readonly memory: MemoryEntry;
  readonly onDone: () => void;
}

const keyOf = (memoryId: string): string => `memories.change.${memoryId}`;

/** Whether a change of the memory was begun and not saved. */
export function useHasDraft(memoryId: string): boolean {
  return use(DraftsContext).has(keyOf(memoryId));
}

/** Changes a memory, which makes a new revision of it; what is typed stays until it is saved. */
export function ChangeMemory({ memory, onDone }: ChangeMemoryProps): ReactNode {
  const { memoryId } = memory;
  const api = useApi();
  const queries = useQueryClient();
  const [typed, change, forget] = useDraft(keyOf(memoryId), {
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
  const save = useMutation({
    mutationFn: (metadata: Record<string, unknown>) =>
      api.run((client) =>
        changeMemory({
          client,
          path: { memoryId },
          body: { content: typed.content, metadata, retracted: typed.retracted },
        }),
      ),
    onSuccess: async (changed) => {
      forget();
      announce(`Saved as revision ${changed.revision}`);
      onDone();
      await updateCached(queries, memoryId, changed);
    },
  });
  return (
    <form
      className="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setChecked(true);
        if (!fault && 'metadata' in read && !save.isPending) save.mutate(read.metadata);
      }}
    >
      <TextField
        label="Text"
        rows={8}
        value={typed.content}
        onChange={(content) => {
          change({ ...typed, content });
        }}
        error={isChecked ? fault : undefined}
        autoFocus
      />
      <TextField
        label="Metadata (JSON)"
        rows={6}
        monospaced
        value={typed.metadata}
        onChange={(metadata) => {
          change({ ...typed, metadata });
        }}
        error={isChecked ? read.fault : undefined}
      />
      <label className="check">
        <input
          type="checkbox"
          checked={typed.retracted}
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
        <Button kind="primary" type="submit" isPending={save.isPending}>
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
