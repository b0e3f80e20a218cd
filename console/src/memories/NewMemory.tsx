import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { storeMemory } from 'triptych-client';
import { Link, useLocation } from 'wouter';
import { asProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { Button } from '../components/Button.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import { TextField } from '../components/TextField.js';
import { useDraft } from '../credential/drafts.js';
import { useApi } from '../credential/SignedIn.js';
import { useArrival } from '../layout/useArrival.js';
import { pathOf } from '../layout/path.js';
import { readMetadata } from './metadata.js';

const EMPTY = { agentId: '', content: '', metadata: '' };

/** Adds a memory; what is typed stays until it is stored, whatever goes wrong. */
export function NewMemory(): ReactNode {
  const heading = useArrival('new');
  const api = useApi();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [typed, change, forget] = useDraft('memories.new', EMPTY);
  const [isChecked, setChecked] = useState(false);
  const read = readMetadata(typed.metadata);
  const missing = {
    agentId: typed.agentId.trim() === '' ? 'Name the agent whose memory this is.' : undefined,
    content: typed.content.trim() === '' ? 'Enter what is to be remembered.' : undefined,
  };
  const store = useMutation({
    mutationFn: (metadata: Record<string, unknown>) =>
      api.run((client) =>
        storeMemory({
          client,
          body: { agentId: typed.agentId.trim(), content: typed.content, metadata },
        }),
      ),
    onSuccess: async (memory) => {
      forget();
      announce('Memory stored');
      navigate(pathOf('memories', memory.memoryId), { replace: true });
      await queries.resetQueries({ queryKey: ['memories', 'list'] });
      await queries.invalidateQueries({ queryKey: ['memories', 'search'] });
    },
  });
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
          if (!missing.agentId && !missing.content && 'metadata' in read && !store.isPending)
            store.mutate(read.metadata);
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
        />
        <TextField
          label="Text"
          rows={6}
          value={typed.content}
          onChange={(content) => {
            change({ ...typed, content });
          }}
          error={isChecked ? missing.content : undefined}
          isRequired
        />
        <TextField
          label="Metadata (JSON)"
          rows={4}
          monospaced
          value={typed.metadata}
          onChange={(metadata) => {
            change({ ...typed, metadata });
          }}
          error={isChecked ? read.fault : undefined}
          placeholder={'{"kind": "preference"}'}
        />
        {store.error && <ProblemMessage problem={asProblem(store.error)} />}
        <div className="actions">
          <Button kind="primary" type="submit" isPending={store.isPending}>
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
