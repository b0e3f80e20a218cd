import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createContext, use, useEffect, useState, type ReactNode } from 'react';
import { Api } from '../api/api.js';
import type { AuthMode } from '../api/config.js';
import { LiveRegion } from '../components/LiveRegion.js';
import { closeKept } from '../layout/kept.js';
import { storeCredential, type Credential } from './credential.js';
import { SignInAgain } from './SignInAgain.js';

interface Session {
  readonly api: Api;
  readonly credential: Credential;
  readonly signOut: () => void;
}

const SessionContext = createContext<Session | undefined>(undefined);

/** The service, as whoever is signed in. */
export function useApi(): Api {
  return useSession().api;
}

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('Nobody is signed in here.');
  return session;
}

interface SignedInProps {
  readonly authMode: AuthMode;
  readonly credential: Credential;
  readonly onSignOut: () => void;
  readonly children: ReactNode;
}

/**
 * Everything that one signed-in tenant sees. What was fetched for it is kept here and nowhere else, and goes
 * with it: give it a `key` of its own for each sign-in.
 */
export function SignedIn({ authMode, credential: first, onSignOut, children }: SignedInProps): ReactNode {
  const [credential, setCredential] = useState(first);
  const [isRefused, setRefused] = useState(false);
  const [api] = useState(
    () =>
      new Api(first, () => {
        setRefused(true);
      }),
  );
  const [queries] = useState(createQueryClient);
  useEffect(
    () => () => {
      void queries.cancelQueries();
      closeKept(api);
    },
    [queries, api],
  );
  const replaceCredential = (next: Credential): void => {
    api.useCredential(next);
    storeCredential(next);
    setCredential(next);
    setRefused(false);
    void queries.refetchQueries({ predicate: ({ state }) => state.status === 'error' });
  };
  return (
    <SessionContext value={{ api, credential, signOut: onSignOut }}>
      <QueryClientProvider client={queries}>
        {children}
        <LiveRegion />
        <SignInAgain
          isOpen={isRefused}
          authMode={authMode}
          current={credential}
          onSignIn={replaceCredential}
          onSignOut={onSignOut}
        />
      </QueryClientProvider>
    </SessionContext>
  );
}

/** Without tries of its own: the client tries again where the service was away for a moment. */
function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: false,
        refetchOnWindowFocus: false,
        networkMode: 'always',
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
}
