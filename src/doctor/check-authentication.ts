import type { TriptychOptions } from '../config/options.js';
import { failed, failure, ok, warning, type Result } from './finding.js';
import { withoutPassword } from './secrets.js';

const FETCH_MS = 5_000;

/** Whether requests can be told whose they are. */
export async function checkAuthentication({ auth, http, jwt }: TriptychOptions): Promise<Result> {
  if (auth.mode === 'dev')
    return http.production
      ? failed(
          'NODE_ENV is production, and AUTH_MODE=dev believes whatever tenant a request names',
          'Set AUTH_MODE=api-key or AUTH_MODE=jwt.',
        )
      : ok('development mode: any process of this machine can be any tenant');
  if (auth.mode === 'api-key') return ok('API keys, made by `triptych tenant create-key`');
  return checkKeySet(jwt.jwksUrl ?? '', jwt.algorithms);
}

async function checkKeySet(url: string, algorithms: readonly string[]): Promise<Result> {
  const shown = withoutPassword(url);
  const remedy = 'Check JWT_JWKS_URL, and that this machine may reach the identity provider.';
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), redirect: 'error' });
    if (!response.ok) return failed(`${shown} answers with status ${response.status}`, remedy);
    const { keys } = (await response.json()) as { keys?: unknown };
    if (!Array.isArray(keys) || keys.length === 0) return failed(`${shown} has no keys`, remedy);
    const named = new Set((keys as { alg?: string }[]).flatMap(({ alg }) => alg ?? []));
    if (named.size > 0 && ![...named].some((name) => algorithms.includes(name)))
      return warning(
        `the keys of ${shown} are for ${[...named].join(', ')}`,
        'JWT_ALGORITHMS has none of these: add the one that tokens are signed with.',
      );
    return ok(`tokens, checked with ${keys.length} key(s) of ${shown}`);
  } catch (error) {
    return failure((error as { cause?: unknown }).cause ?? error, remedy);
  }
}
