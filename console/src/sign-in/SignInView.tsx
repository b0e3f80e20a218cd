import { useEffect, type ReactNode } from 'react';
import type { ConsoleConfig } from '../api/config.js';
import type { Credential } from '../credential/credential.js';
import { Wordmark } from '../layout/Wordmark.js';
import { ThemeSwitch } from '../theme/ThemeSwitch.js';
import { SignInForm } from './SignInForm.js';

interface SignInViewProps {
  readonly config: ConsoleConfig;
  readonly onSignIn: (credential: Credential) => void;
}

export function SignInView({ config, onSignIn }: SignInViewProps): ReactNode {
  useEffect(() => {
    document.title = 'Sign in · Triptych';
  }, []);
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <Wordmark />
        <h1>Sign in</h1>
        <p className="muted">Session, long-term memory and working context of your agents.</p>
        <SignInForm authMode={config.authMode} onSignIn={onSignIn} />
      </div>
      <footer className="sign-in-footer">
        <span>Triptych {config.version}</span>
        <ThemeSwitch />
      </footer>
    </main>
  );
}
