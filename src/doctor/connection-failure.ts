import { failed, messageOf, type Result } from './finding.js';

/** By SQLSTATE, or the code or the words of the driver, the first that fits: at which step a connection failed, and what to do. */
const STEPS: readonly (readonly [what: RegExp, step: string, remedy: string])[] = [
  [
    // Before the codes: it has that of a login that is not there.
    /no pg_hba\.conf entry|pg_hba\.conf rejects/,
    'the login is not let in',
    'Let it in from this machine in pg_hba.conf; «no encryption» asks for sslmode=require in DATABASE_URL.',
  ],
  [/^28P01$/, 'the password is wrong', 'Correct the password in DATABASE_URL.'],
  [
    /^28/,
    'the login is not let in',
    'Correct the user in DATABASE_URL, or let it in from this machine in pg_hba.conf.',
  ],
  [
    /^3D000$/,
    'the database is not there',
    "Create it: CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0; or correct its name in DATABASE_URL.",
  ],
  [/^42501$/, 'the login may not connect to the database', 'As its owner: GRANT CONNECT ON DATABASE … TO ….'],
  [
    /^53300$/,
    'it has no connection left',
    'Raise max_connections, or lower DATABASE_POOL_SIZE of its users.',
  ],
  [/^57P0/, 'it is starting or stopping', 'Wait, and look into its log.'],
  [
    /does not support SSL/,
    'TLS: it speaks none',
    'Set sslmode=disable in DATABASE_URL if the way there is safe, or switch ssl on in postgresql.conf.',
  ],
  [
    // Before the authority, which is believed here.
    /ALTNAME|does not match certificate/i,
    'TLS: its certificate is for another host',
    'Name in DATABASE_URL a host that the certificate names, or have one issued for this host.',
  ],
  [
    /self[- ]signed|certificate|CERT_|unable to verify/i,
    'TLS: its certificate is not believed',
    'Name the certificate of its authority: sslrootcert=<file> in DATABASE_URL.',
  ],
  [
    /password must be a string|SASL|password/i,
    'the password is missing or wrong',
    'Name the password in DATABASE_URL: postgres://user:password@host/database.',
  ],
  [
    /timeout|terminated|ECONNRESET|socket/i,
    'it ends the connection, or does not answer',
    'Check that host and port of DATABASE_URL lead to PostgreSQL, and look into its log.',
  ],
];

/** Why a server that can be reached does not let us in. */
export function connectionFailure(
  error: unknown,
  { user, database }: { readonly user: string; readonly database: string },
): Result {
  const { code = '' } = error as { code?: string };
  const message = messageOf(error);
  const known = STEPS.find(([what]) => what.test(code) || what.test(message));
  const [, step = 'it does not let us in', remedy = 'Look into the log of the server.'] = known ?? [];
  return failed(`${step} (user ${user}, database ${database}): ${message}`, remedy);
}
