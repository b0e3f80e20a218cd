import { createServer } from 'node:net';
import type { TriptychOptions } from '../config/options.js';
import { failed, ok, warning, type Result } from './finding.js';

const ANSWER_MS = 5_000;
const WILDCARDS = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '[::1]'],
]);

/** Whether the service answers where it should, or could listen there. */
export async function checkListening({
  host,
  port,
}: TriptychOptions['http']): Promise<Result & { isServing?: boolean }> {
  if (port === 0) return ok('a free port is taken at each start');
  const name = WILDCARDS.get(host) ?? (host.includes(':') ? `[${host}]` : host);
  const health = await healthOf(`http://${name}:${port}/health/ready`);
  if (health) return { ...ofHealth(health, `http://${name}:${port}`), isServing: true };
  return canListen(host, port);
}

interface Health {
  readonly status: string;
  readonly details?: Readonly<Record<string, { readonly status?: string; readonly reason?: string }>>;
}

/** What a service of ours says there; undefined when none answers. */
async function healthOf(url: string): Promise<Health | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' });
    const { status, details } = (await response.json()) as Partial<Health>;
    return typeof status === 'string' && details && 'embeddings' in details ? { status, details } : undefined;
  } catch {
    return undefined;
  }
}

function ofHealth({ status, details = {} }: Health, url: string): Result {
  if (status === 'ok') return ok(`a service answers at ${url}, and is ready`);
  const down = Object.entries(details).filter(([, part]) => part.status !== 'up');
  const parts = down.map(([name, { reason }]) => (reason === undefined ? name : `${name} (${reason})`));
  return warning(
    `a service answers at ${url}, and is not ready: ${parts.join(', ')}`,
    'The checks of these parts say more.',
  );
}

function canListen(host: string, port: number): Promise<Result> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', ({ code = '' }: NodeJS.ErrnoException) => {
      resolve(refused(code, host, port));
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => {
        resolve(ok(`${host}:${port} is free`));
      });
    });
  });
}

function refused(code: string, host: string, port: number): Result {
  if (code === 'EADDRINUSE')
    return failed(`port ${port} of ${host} is taken, and not by a service that answers`, 'Set another PORT.');
  if (code === 'EACCES') return failed(`port ${port} may not be opened`, 'Set a PORT above 1023.');
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return failed(`this machine has no address ${host}`, 'Set another HOST.');
  return failed(`nobody can listen on ${host}:${port} (${code})`, 'Set another HOST or PORT.');
}
