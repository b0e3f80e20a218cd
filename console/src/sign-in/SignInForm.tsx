import type { ReactNode } from 'react';
import type { AuthMode } from '../api/config.js';
import type { ApiProblem } from '../api/problem.js';
import { Button } from '../components/Button.js';
import { TextField } from '../components/TextField.js';
import { focusFault } from '../components/focus-fault.js';
import type { Credential } from '../credential/credential.js';
import { CREDENTIAL_KINDS } from './credential-kinds.js';
import { useSignIn } from './useSignIn.js';

interface SignInFormProps {
  readonly authMode: AuthMode;
  readonly onSignIn: (credential: Credential) => void;
  readonly children?: ReactNode;
}

/** Takes a credential and asks the service whether it is good; what was typed stays when it is not. */
export function SignInForm({ authMode, onSignIn, children }: SignInFormProps): ReactNode {
  const { label, description, isSecret } = CREDENTIAL_KINDS[authMode];
  const { typed, setTyped, fault, problem, isPending, submit } = useSignIn(authMode, onSignIn);
  return (
    <form
      className="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (isPending) return;
        void submit();
        focusFault(event.currentTarget);
      }}
    >
      <TextField
        label={label}
        description={description}
        error={fault}
        value={typed}
        onChange={setTyped}
        type={isSecret ? 'password' : 'text'}
        autoComplete="off"
        spellCheck="false"
        monospaced
        autoFocus
      />
      {problem && <SignInProblem problem={problem} label={label} />}
      <div className="actions">
        <Button kind="primary" type="submit" isPending={isPending}>
          {isPending ? 'Signing in …' : 'Sign in'}
        </Button>
        {children}
      </div>
    </form>
  );
}

function SignInProblem({
  problem,
  label,
}: {
  readonly problem: ApiProblem;
  readonly label: string;
}): ReactNode {
  const { status, title, detail, code, requestId } = problem;
  const refused = status === 401;
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{refused ? `The service does not accept this ${label}` : title}</p>
      <p>
        {refused
          ? 'It is mistyped, expired or revoked. Copy it again as a whole, or ask an operator of the service for a new one.'
          : status === 0
            ? `${detail} Check that the service runs, then sign in again.`
            : detail}
      </p>
      {status === 403 && <p>The console reads, so it needs the scope read, and write to change something.</p>}
      <p className="problem-code">
        <code>{code}</code>
        {requestId !== undefined && ` · request ${requestId}`}
      </p>
    </div>
  );
}
