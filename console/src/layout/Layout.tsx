import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { nameOfCredential } from '../credential/credential.js';
import { useSession } from '../credential/SignedIn.js';
import { Button } from '../components/Button.js';
import { ErrorBoundary } from '../components/ErrorBoundary.js';
import { ThemeSwitch } from '../theme/ThemeSwitch.js';
import { usePath } from './path.js';
import { Wordmark } from './Wordmark.js';

const VIEWS = [
  ['sessions', 'Sessions'],
  ['memories', 'Memories'],
  ['compile', 'Compile'],
  ['import', 'Import'],
] as const;

/** The frame around each view: where one is, who is signed in, and how to get out. */
export function Layout({ children }: { readonly children: ReactNode }): ReactNode {
  const { credential, signOut } = useSession();
  const [current] = usePath();
  const [place] = useLocation();
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <Wordmark />
        <nav className="views" aria-label="Views">
          {VIEWS.map(([path, name]) => (
            <Link key={path} href={`/${path}`} aria-current={path === current ? 'page' : undefined}>
              {name}
            </Link>
          ))}
        </nav>
        <div className="who">
          <span className="tenant" title="Signed in as">
            {nameOfCredential(credential)}
          </span>
          <ThemeSwitch />
          <Button kind="quiet" onPress={signOut}>
            Sign out
          </Button>
        </div>
      </header>
      <main id="main" className="content" tabIndex={-1}>
        <ErrorBoundary place={place}>{children}</ErrorBoundary>
      </main>
    </div>
  );
}
