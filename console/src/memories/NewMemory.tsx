import { useIsMutating, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { storeMemory } from 'triptych-client';
import { Link, useLocation } from 'wouter';
import { asProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { Button } from '../components/Button.js';
import { focusFault } from '../components/focus-fault.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { TextField } from '../components/TextField.js';
import { useApi } from '../credential/SignedIn.js';
import { pathOf } from '../layout/path.js';
import { useArrival } from '../layout/useArrival.js';
import { useKept } from '../layout/useKept.js';
import { MemoryFields } from './MemoryFields.js';
import { readMetadata } from './metadata.js';

const EMPTY = { agentId: '', content: '', metadata: '' };
const STORING = ['memories', 'new'];

/** Adds a memory; what is typed stays until it is stored, whatever goes wrong. */
export function NewMemory(): ReactNode {
  const heading = useArrival('new');
  const api = useApi();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [typed, change, forget] = useKept('memories.new', EMPTY);
  const [isChecked, setChecked] = useState(false);
  const read = readMetadata(typed.metadata);
  const missing = {
    agentId: typed.agentId.trim() === '' ? 'Name the agent whose memory this is.' : undefined,
    content: typed.content.trim() === '' ? 'Enter what is to be remembered.' : undefined,
  };
  const store = useMutation({
    mutationKey: STORING,
    mutationFn: (metadata: Record<string, unknown>) =>
      api.run((client) =>
        storeMemory({
          client,
          body: { agentId: typed.agentId.trim(), content: typed.content, metadata },
        }),
      ),
    // Whatever view is open by then.
    onSuccess: () => {
      forget();
      announce('Memory stored');
      void queries.resetQueries({ queryKey: ['memories', 'list'] });
      void queries.invalidateQueries({ queryKey: ['memories', 'search'] });
    },
  });
  /** In this form, or in one that was left meanwhile: what was sent must not change, nor go a second time. */
  const isPending = useIsMutating({ mutationKey: STORING }) > 0;
  const send = (metadata: Record<string, unknown>): void => {
    store.mutate(metadata, {
      // Only for whoever still waits here.
      onSuccess: ({ memoryId }) => {
        navigate(pathOf('memories', memoryId), { replace: true });
      },
    });
  };
  return (
    <article className="detail">
      <Link className="back" href="/memories">
        ‹ All memories
      </Link>
      <h2 ref={heading} tabIndex={-1}>
        New memory
      </h2>
      <form
        className="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setChecked(true);
          if (!missing.agentId && !missing.content && 'metadata' in read && !isPending) send(read.metadata);
          focusFault(event.currentTarget);
        }}
      >
        <TextField
          label="Agent"
          value={typed.agentId}
          onChange={(agentId) => {
            change({ ...typed, agentId });
          }}
          error={isChecked ? missing.agentId : undefined}
          maxLength={256}
          isRequired
          isReadOnly={isPending}
        />
        <MemoryFields
          typed={typed}
          onChange={(changed) => {
            change({ ...typed, ...changed });
          }}
          faults={{
            content: isChecked ? missing.content : undefined,
            metadata: isChecked ? read.fault : undefined,
          }}
          isReadOnly={isPending}
        />
        {store.error && <ProblemMessage problem={asProblem(store.error)} />}
        <div className="actions">
          <Button kind="primary" type="submit" isPending={isPending}>
            Store memory
          </Button>
          <Link className="button button-plain" href="/memories">
            Cancel
          </Link>
        </div>
      </form>
    </article>
  );
}
