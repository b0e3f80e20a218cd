import { useEffect, useRef, useState } from 'react';
import { listSessions } from 'triptych-client';
import { Api } from '../api/api.js';
import type { AuthMode } from '../api/config.js';
import { asProblem, type ApiProblem } from '../api/problem.js';
import type { Credential } from '../credential/credential.js';
import { CREDENTIAL_KINDS } from './credential-kinds.js';

interface SigningIn {
  readonly typed: string;
  readonly setTyped: (typed: string) => void;
  /** What is wrong with what was typed. */
  readonly fault: string | undefined;
  /** Why the service refused it. */
  readonly problem: ApiProblem | undefined;
  readonly isPending: boolean;
  readonly submit: () => Promise<void>;
}

/**
 * Asks the service whether a credential is good before anybody is signed in with it. An answer that comes when the form is
 * gone is ignored: somebody signed out meanwhile.
 */
export function useSignIn(authMode: AuthMode, onSignIn: (credential: Credential) => void): SigningIn {
  const kind = CREDENTIAL_KINDS[authMode];
  const [typed, setTyped] = useState('');
  const [fault, setFault] = useState<string>();
  const [problem, setProblem] = useState<ApiProblem>();
  const [isPending, setPending] = useState(false);
  const isThere = useRef(true);
  useEffect(() => {
    isThere.current = true;
    return () => {
      isThere.current = false;
    };
  }, []);
  const submit = async (): Promise<void> => {
    const wrong = kind.fault(typed.trim());
    setFault(wrong);
    setProblem(undefined);
    if (wrong !== undefined) return;
    const credential = kind.of(typed.trim());
    setPending(true);
    try {
      await new Api(credential).run((client) => listSessions({ client, query: { limit: 1 } }));
      if (isThere.current) onSignIn(credential);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setPending(false);
    }
  };
  return { typed, setTyped, fault, problem, isPending, submit };
}
