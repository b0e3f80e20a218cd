import { useEffect, useState, type ReactNode } from 'react';
import { I18nProvider } from 'react-aria-components';
import { Router, useLocation } from 'wouter';
import { fetchConfig, type ConsoleConfig } from './api/config.js';
import { asProblem, type ApiProblem } from './api/problem.js';
import { ErrorBoundary } from './components/ErrorBoundary.js';
import { ProblemMessage } from './components/ProblemMessage.js';
import {
  forgetCredential,
  storeCredential,
  storedCredential,
  type Credential,
} from './credential/credential.js';
import { SignedIn } from './credential/SignedIn.js';
import { Layout } from './layout/Layout.js';
import { Views } from './layout/Views.js';
import { SignInView } from './sign-in/SignInView.js';

/** The console in English, whatever the browser's language is: it has the texts of no other. */
export function App(): ReactNode {
  return (
    <I18nProvider locale="en-US">
      <ErrorBoundary>
        <Configured />
      </ErrorBoundary>
    </I18nProvider>
  );
}

/** What the service says of itself first, then the sign-in or the views. */
function Configured(): ReactNode {
  const [config, setConfig] = useState<ConsoleConfig>();
  const [problem, setProblem] = useState<ApiProblem>();
  const load = (): void => {
    setProblem(undefined);
    fetchConfig().then(setConfig, (error: unknown) => {
      setProblem(asProblem(error));
    });
  };
  useEffect(load, []);
  if (problem)
    return (
      <main className="page">
        <ProblemMessage problem={problem} onRetry={load} />
      </main>
    );
  if (!config) return null;
  return (
    <Router base={import.meta.env.BASE_URL.replace(/\/$/, '')}>
      <Console config={config} />
    </Router>
  );
}

/** Whoever is signed in, and the how-manieth sign-in of this page that is. */
interface SignIn {
  readonly credential: Credential | undefined;
  readonly turn: number;
}

function Console({ config }: { readonly config: ConsoleConfig }): ReactNode {
  const [{ credential, turn }, setSignIn] = useState<SignIn>(() => ({ credential: usable(config), turn: 0 }));
  const [location, navigate] = useLocation();
  const change = (next: Credential | undefined): void => {
    setSignIn(({ turn }) => ({ credential: next, turn: turn + 1 }));
  };
  if (!credential)
    return (
      <SignInView
        config={config}
        onSignIn={(next) => {
          storeCredential(next);
          change(next);
          if (location === '/sign-in') navigate('/sessions', { replace: true });
        }}
      />
    );
  return (
    <SignedIn
      key={turn}
      authMode={config.authMode}
      credential={credential}
      onSignOut={() => {
        forgetCredential();
        change(undefined);
        navigate('/sign-in');
      }}
    >
      <Layout>
        <Views />
      </Layout>
    </SignedIn>
  );
}

/** A credential of another mode than the service's is of no use: somebody restarted it otherwise. */
function usable({ authMode }: ConsoleConfig): Credential | undefined {
  const stored = storedCredential();
  return stored?.kind === (authMode === 'dev' ? 'tenant' : 'bearer') ? stored : undefined;
}
