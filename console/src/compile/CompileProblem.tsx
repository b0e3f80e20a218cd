import type { ReactNode } from 'react';
import type { ApiProblem } from '../api/problem.js';
import { Button } from '../components/Button.js';
import { ProblemMessage } from '../components/ProblemMessage.js';
import type { CompileForm } from './compile-form.js';
import { count } from './sections.js';
import { useBudgets } from './useBudgets.js';

interface CompileProblemProps {
  readonly problem: ApiProblem;
  readonly form: CompileForm;
  /** Compiles what the form says with this change. */
  readonly onCompile: (form: CompileForm) => void;
}

/** What went wrong, and what would help: for a budget that is too small a larger tier, or a cut. */
export function CompileProblem({ problem, form, onCompile }: CompileProblemProps): ReactNode {
  const { data: budgets } = useBudgets();
  if (problem.code !== 'budget_exceeded')
    return (
      <ProblemMessage
        problem={problem}
        onRetry={() => {
          onCompile(form);
        }}
      />
    );
  const chosen = form.modelTier === '' ? budgets?.defaultTier : form.modelTier;
  const size = budgets?.tiers.find(({ tier }) => tier === chosen)?.total ?? 0;
  const larger = (budgets?.tiers ?? [])
    .filter(({ total }) => total > size)
    .sort((one, other) => one.total - other.total)[0];
  return (
    <div className="problem" role="alert">
      <p className="problem-title">It does not fit the budget</p>
      <p>{problem.detail}</p>
      <p>
        {form.overflow === 'refuse'
          ? 'Choose a larger tier, shorten it, or let it be cut at its end.'
          : 'Not even its beginning fits. Choose a larger tier, or shorten it.'}{' '}
        Half of the share of task and reply is always left to the reply.
      </p>
      <div className="actions">
        {larger && (
          <Button
            onPress={() => {
              onCompile({ ...form, modelTier: larger.tier });
            }}
          >
            Compile with {larger.tier} ({count(larger.total)})
          </Button>
        )}
        {form.overflow === 'refuse' && (
          <Button
            onPress={() => {
              onCompile({ ...form, overflow: 'truncate' });
            }}
          >
            Cut it and compile
          </Button>
        )}
      </div>
      <p className="problem-code">
        <code>{problem.code}</code>
      </p>
    </div>
  );
}
