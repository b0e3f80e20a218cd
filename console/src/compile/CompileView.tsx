import { useEffect, type ReactNode } from 'react';
import { EmptyState } from '../components/EmptyState.js';
import { useKept } from '../layout/useKept.js';
import { usePath } from '../layout/path.js';
import { useTitle } from '../layout/useTitle.js';
import { CompileForm } from './CompileForm.js';
import { CompileResult } from './CompileResult.js';
import { EMPTY_FORM, requestOf } from './compile-form.js';
import { useCompile } from './useCompile.js';
import type { CompileRun } from './working-context.js';
import './compile.css';

/** Makes a working context and explains it: `/compile`, or `/compile/<thread>`. */
export function CompileView(): ReactNode {
  useTitle('Compile');
  const [, threadId] = usePath();
  const [form, setForm] = useKept('compile.form', { ...EMPTY_FORM, threadId: threadId ?? '' });
  // Whoever comes from a thread wants that one; what else was typed stays.
  useEffect(() => {
    if (threadId !== undefined && threadId !== form.threadId) setForm({ ...form, threadId });
  }, [threadId]);
  const [pinned, setPinned] = useKept<CompileRun | undefined>('compile.pinned', undefined);
  const { run, isPending, problem, compile } = useCompile();
  return (
    <div className="compile">
      <div className="compile-side">
        <h1>Compile</h1>
        <p className="muted small">
          What a model sees next of a thread, of what is remembered, and of a task.
        </p>
        <CompileForm
          form={form}
          onChange={setForm}
          onCompile={(changed) => {
            void compile(requestOf(changed));
          }}
          isPending={isPending}
          problem={problem}
        />
      </div>
      <div className="compile-main" aria-busy={isPending}>
        {run ? (
          <CompileResult run={run} pinned={pinned} onPin={setPinned} />
        ) : (
          <EmptyState title="Nothing is compiled yet">
            <p>
              Choose a thread, say what the model is to do, and compile. You see what goes into the prompt,
              what does not, and why.
            </p>
          </EmptyState>
        )}
      </div>
    </div>
  );
}
