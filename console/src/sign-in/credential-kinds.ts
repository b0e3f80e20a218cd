import type { AuthMode } from '../api/config.js';
import type { Credential } from '../credential/credential.js';

interface CredentialKind {
  readonly label: string;
  readonly description: string;
  /** Shown as dots. */
  readonly isSecret: boolean;
  readonly of: (typed: string) => Credential;
  /** What is wrong with the form of it; undefined when nothing is. */
  readonly fault: (typed: string) => string | undefined;
}

/** What is asked for at the sign-in, by the service's AUTH_MODE. */
export const CREDENTIAL_KINDS: Readonly<Record<AuthMode, CredentialKind>> = {
  dev: {
    label: 'Tenant',
    description:
      'The service runs in development mode and believes the name you give: letters, digits and . _ -',
    isSecret: false,
    of: (tenantId) => ({ kind: 'tenant', tenantId }),
    fault: (typed) =>
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(typed)
        ? undefined
        : 'A tenant is 1 to 128 letters, digits, dots, underscores and hyphens, and begins with a letter or a digit.',
  },
  'api-key': {
    label: 'API key',
    description: 'It begins with triptych_ and is kept in this tab only, until you close it or sign out.',
    isSecret: true,
    of: (token) => ({ kind: 'bearer', token }),
    fault: (typed) =>
      headerFault(
        typed,
        'Enter an API key. An operator makes one with: npm run tenant -- key create <tenant>',
      ),
  },
  jwt: {
    label: 'Token (JWT)',
    description: 'Of your identity provider. It is kept in this tab only, until you close it or sign out.',
    isSecret: true,
    of: (token) => ({ kind: 'bearer', token }),
    fault: (typed) => headerFault(typed, 'Paste a token of your identity provider.'),
  },
};

/** A header carries printable ASCII; what else was pasted along is told before it is sent. */
function headerFault(typed: string, whenEmpty: string): string | undefined {
  if (typed === '') return whenEmpty;
  return /^[\x21-\x7e]+$/.test(typed)
    ? undefined
    : 'It has spaces or characters in it that no key has. Copy it again.';
}
