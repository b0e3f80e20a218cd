import { unreachable } from './problem.js';

export type AuthMode = 'dev' | 'api-key' | 'jwt';

/** What the service tells the page before anybody has signed in. */
export interface ConsoleConfig {
  readonly authMode: AuthMode;
  readonly version: string;
}

/** @throws ApiProblem */
export async function fetchConfig(): Promise<ConsoleConfig> {
  const response = await fetch(`${import.meta.env.BASE_URL}config.json`, { cache: 'no-store' }).catch(() => {
    throw unreachable('unreachable');
  });
  const config = (await response.json().catch(() => undefined)) as Partial<ConsoleConfig> | undefined;
  const { authMode, version } = config ?? {};
  if (!response.ok || !authMode || !version) throw unreachable('unreadable');
  return { authMode, version };
}
