import { useState, type ReactNode } from 'react';
import type { AuthMode } from '../api/config.js';
import { Button } from '../components/Button.js';
import { Dialog } from '../components/Dialog.js';
import { SignInForm } from '../sign-in/SignInForm.js';
import { isOfSameTenant, nameOfCredential, type Credential } from './credential.js';

interface SignInAgainProps {
  readonly isOpen: boolean;
  readonly authMode: AuthMode;
  readonly current: Credential;
  readonly onSignIn: (credential: Credential) => void;
  readonly onSignOut: () => void;
}

/**
 * Over the view whose key was refused, which keeps what is typed in it. A key of another tenant is not taken
 * here: what was typed and fetched for one must not be met under another.
 */
export function SignInAgain({ isOpen, authMode, current, onSignIn, onSignOut }: SignInAgainProps): ReactNode {
  const [isOther, setOther] = useState(false);
  const signIn = (credential: Credential): void => {
    const same = isOfSameTenant(current, credential);
    setOther(!same);
    if (same) onSignIn(credential);
  };
  return (
    <Dialog title="Sign in again" isOpen={isOpen}>
      <p>
        The service no longer accepts what you signed in with: it has expired or was revoked. What you typed
        is still there; go on with another key of <strong>{nameOfCredential(current)}</strong>.
      </p>
      {isOther && (
        <p className="notice" role="alert">
          That one is of another tenant, or cannot be told to be of the same. Sign out to change the tenant.
        </p>
      )}
      <SignInForm authMode={authMode} onSignIn={signIn}>
        <Button onPress={onSignOut}>Sign out</Button>
      </SignInForm>
    </Dialog>
  );
}
