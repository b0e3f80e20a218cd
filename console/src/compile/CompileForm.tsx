import { useRef, useState, type ReactNode } from 'react';
import type { ApiProblem } from '../api/problem.js';
import { Button } from '../components/Button.js';
import { SelectField } from '../components/SelectField.js';
import { TextField } from '../components/TextField.js';
import { focusFault } from '../components/focus-fault.js';
import { formProblems, isMoreUsed, MAX_MEMORIES, type CompileForm as Form } from './compile-form.js';
import { CompileProblem } from './CompileProblem.js';
import { count } from './sections.js';
import { ThreadField } from './ThreadField.js';
import { useBudgets } from './useBudgets.js';

interface CompileFormProps {
  readonly form: Form;
  readonly onChange: (form: Form) => void;
  readonly onCompile: (form: Form) => void;
  readonly isPending: boolean;
  readonly problem: ApiProblem | null;
}

/** What a compile is made of. Nothing that was typed goes away, whatever the service says. */
export function CompileForm({ form, onChange, onCompile, isPending, problem }: CompileFormProps): ReactNode {
  const { data: budgets } = useBudgets();
  const [isSent, setSent] = useState(false);
  // Settings that are not as they were at first are not hidden.
  const [isMoreOpen, setMoreOpen] = useState(() => isMoreUsed(form));
  const element = useRef<HTMLFormElement>(null);
  const problems = isSent ? formProblems(form) : {};
  const set = (change: Partial<Form>): void => {
    onChange({ ...form, ...change });
  };
  const compile = (changed: Form = form): void => {
    const found = formProblems(changed);
    setSent(true);
    if (found.memoryLimit !== undefined) setMoreOpen(true);
    if (!isPending && Object.keys(found).length === 0) onCompile(changed);
    focusFault(element.current);
  };
  const spills = budgets?.spillOver === true ? 'on' : 'off';
  return (
    <form
      ref={element}
      className="compile-form stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        compile();
      }}
      onKeyDown={({ key, ctrlKey, metaKey }) => {
        if (key === 'Enter' && (ctrlKey || metaKey)) compile();
      }}
    >
      <ThreadField
        value={form.threadId}
        onChange={(threadId) => {
          set({ threadId });
        }}
        error={problems.threadId}
      />
      <SelectField
        label="Model tier"
        value={form.modelTier}
        options={[
          { value: '', label: `Default${budgets ? ` (${budgets.defaultTier})` : ''}` },
          ...(budgets?.tiers ?? []).map(({ tier, total }) => ({
            value: tier,
            label: `${tier} · ${count(total)} tokens`,
          })),
          // What was chosen stays chosen while the tiers cannot be read.
          ...(form.modelTier !== '' && !budgets ? [{ value: form.modelTier, label: form.modelTier }] : []),
        ]}
        onChange={(modelTier) => {
          set({ modelTier });
        }}
      />
      <TextField
        label="Task"
        description="What the model is to do now; memories are searched by it. Ctrl + Enter compiles."
        rows={3}
        value={form.task}
        onChange={(task) => {
          set({ task });
        }}
        error={problems.task}
      />
      <TextField
        label="System prompt"
        rows={4}
        value={form.systemPrompt}
        onChange={(systemPrompt) => {
          set({ systemPrompt });
        }}
        error={problems.systemPrompt}
      />
      <details
        className="more"
        open={isMoreOpen}
        onToggle={({ currentTarget }) => {
          setMoreOpen(currentTarget.open);
        }}
      >
        <summary>More settings</summary>
        <div className="more-fields">
          <TextField
            label="Agent"
            description="Only memories of this agent; empty: of all."
            value={form.agentId}
            onChange={(agentId) => {
              set({ agentId });
            }}
            monospaced
            maxLength={256}
          />
          <TextField
            label="Memory limit"
            inputMode="numeric"
            value={form.memoryLimit}
            onChange={(memoryLimit) => {
              set({ memoryLimit });
            }}
            description={`0 to ${count(MAX_MEMORIES)}`}
            error={problems.memoryLimit}
          />
          <SelectField
            label="Spill-over"
            description="What a section leaves over goes to the next."
            value={form.spillOver}
            options={[
              { value: 'default', label: `As the service says${budgets ? ` (${spills})` : ''}` },
              { value: 'on', label: 'On' },
              { value: 'off', label: 'Off' },
            ]}
            onChange={(spillOver) => {
              set({ spillOver });
            }}
          />
          <SelectField
            label="Looked through"
            value={form.recallScope}
            options={[
              { value: 'memories', label: 'Memories' },
              { value: 'thread', label: 'Older messages of the thread' },
              { value: 'both', label: 'Both' },
            ]}
            onChange={(recallScope) => {
              set({ recallScope });
            }}
          />
          <SelectField
            label="A prompt or task that is too long"
            value={form.overflow}
            options={[
              { value: 'truncate', label: 'Is cut at its end' },
              { value: 'refuse', label: 'Is refused' },
            ]}
            onChange={(overflow) => {
              set({ overflow });
            }}
          />
          <TextField
            label="Counted for the model"
            description="Such as gpt-4o; empty: as the service says."
            value={form.model}
            onChange={(model) => {
              set({ model });
            }}
            monospaced
            maxLength={200}
          />
          <SelectField
            label="Format"
            value={form.format}
            options={[
              { value: 'openai', label: 'OpenAI' },
              { value: 'anthropic', label: 'Anthropic' },
              { value: 'langchain', label: 'LangChain' },
            ]}
            onChange={(format) => {
              set({ format });
            }}
          />
        </div>
      </details>
      {problem && (
        <CompileProblem
          problem={problem}
          form={form}
          onCompile={(changed) => {
            onChange(changed);
            compile(changed);
          }}
        />
      )}
      <div className="actions">
        <Button kind="primary" type="submit" isPending={isPending}>
          {isPending ? 'Compiling …' : 'Compile'}
        </Button>
      </div>
    </form>
  );
}
