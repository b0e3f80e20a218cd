import { readFileSync } from 'node:fs';
import { StartupError } from '../errors.js';
import { environmentWithFile } from './load-options.js';

/** Where a service listens that was started without settings. */
const DEFAULT_URL = 'http://127.0.0.1:3000';

/** The variables of whoever asks a service, as opposed to those of the service (`VARIABLE_NAMES`). */
export const CLIENT_VARIABLE_NAMES = ['TRIPTYCH_URL', 'TRIPTYCH_API_KEY', 'TRIPTYCH_TENANT'] as const;

/** Which service is asked, and as whom. */
export interface ClientOptions {
  /** Without a slash at its end. */
  readonly url: string;
  /** Whether somebody named it; otherwise it is the default. */
  readonly isUrlGiven: boolean;
  /** An API key or a token. It names the tenant, so `tenantId` is undefined beside it. */
  readonly apiKey: string | undefined;
  /** In development mode, where the service believes it. */
  readonly tenantId: string | undefined;
}

/** What takes the place of variables; a key only by the name of a file, since arguments stand in shell histories. */
export interface ClientOverrides {
  readonly url?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly apiKeyFile?: string | undefined;
}

/**
 * Reads which service is asked from `TRIPTYCH_URL`, `TRIPTYCH_API_KEY` and `TRIPTYCH_TENANT`.
 * @param environment as for `loadOptions`
 * @throws StartupError that lists every problem at once, and never shows a key
 */
export function loadClientOptions(
  environment: NodeJS.ProcessEnv = environmentWithFile(),
  overrides: ClientOverrides = {},
): ClientOptions {
  const given = (name: (typeof CLIENT_VARIABLE_NAMES)[number]): string | undefined =>
    environment[name]?.trim() || undefined;
  const problems: string[] = [];
  const url = overrides.url ?? given('TRIPTYCH_URL');
  const apiKey =
    overrides.apiKeyFile === undefined ? given('TRIPTYCH_API_KEY') : keyOf(overrides.apiKeyFile, problems);
  if (url !== undefined && !isServiceUrl(url))
    problems.push(
      `  ${overrides.url === undefined ? 'TRIPTYCH_URL' : '--url'}: must be an http:// or https:// URL without a user or a query`,
    );
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    problems.push('  TRIPTYCH_API_KEY: must be one word of printable ASCII characters');
  if (apiKey !== undefined && overrides.tenantId !== undefined)
    problems.push('  --tenant: the API key names the tenant already; leave one of the two out');
  if (problems.length > 0)
    throw new StartupError(`It is not clear which service to ask, or as whom:\n${problems.join('\n')}`);
  return {
    url: (url ?? DEFAULT_URL).replace(/\/+$/, ''),
    isUrlGiven: url !== undefined,
    apiKey,
    tenantId: apiKey === undefined ? (overrides.tenantId ?? given('TRIPTYCH_TENANT')) : undefined,
  };
}

function isServiceUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === '';
}

function keyOf(file: string, problems: string[]): string | undefined {
  try {
    const key = readFileSync(file, 'utf8').trim();
    if (key !== '') return key;
    problems.push(`  --api-key-file: ${file} is empty`);
  } catch (error) {
    problems.push(`  --api-key-file: ${(error as Error).message}`);
  }
  return undefined;
}
