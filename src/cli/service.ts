import type { Command } from 'commander';
import type * as Operations from 'triptych-client';
import type { TriptychClient, TriptychConnectionError, TriptychProblem } from 'triptych-client';
import type { ClientOptions } from '../config/client-options.js';
import { Refusal, STATUS, statusOf } from './failure.js';
import type { Terminal } from './terminal.js';

/** Which service a command asks, and as whom, where that is not what the environment says. */
export interface ServiceOptions {
  readonly url?: string;
  readonly tenant?: string;
  readonly apiKeyFile?: string;
}

export const ON_THE_SERVICE = `
It asks the service at TRIPTYCH_URL (http://127.0.0.1:3000) with the key in TRIPTYCH_API_KEY or, in development mode, for
the tenant in TRIPTYCH_TENANT.`;

/** Adds what every command that asks a service takes. */
export function asksService(command: Command): Command {
  return command
    .option('--url <url>', 'the service, instead of TRIPTYCH_URL')
    .option('--tenant <tenantId>', 'in development mode, instead of TRIPTYCH_TENANT')
    .option('--api-key-file <file>', 'a file with the key, instead of TRIPTYCH_API_KEY');
}

/** The operations of the service, and a client of it to call them with. */
export type Service = typeof Operations & { readonly client: TriptychClient };

/**
 * Runs `work` with a client of the service.
 * @throws Refusal that says what went wrong and what to do; StartupError when it is not clear which service to ask
 */
export async function asking<T>(
  terminal: Terminal,
  { url, tenant: tenantId, apiKeyFile }: ServiceOptions,
  work: (service: Service) => Promise<T>,
): Promise<T> {
  const { loadClientOptions } = await import('../config/client-options.js');
  const options = loadClientOptions(terminal.surroundings.environment, { url, tenantId, apiKeyFile });
  const operations = await import('triptych-client');
  const client = operations.createTriptychClient({
    baseUrl: options.url,
    ...(options.apiKey !== undefined && { apiKey: options.apiKey }),
    ...(options.tenantId !== undefined && { tenantId: options.tenantId }),
  });
  try {
    return await work({ ...operations, client });
  } catch (error) {
    if (error instanceof operations.TriptychProblem)
      throw ofProblem(error, { ...options, isKeyOfFile: apiKeyFile !== undefined });
    if (error instanceof operations.TriptychConnectionError) throw ofConnection(error, options);
    throw error;
  }
}

/** Whom the service was asked as; a key may come from `--api-key-file`. */
type Asked = ClientOptions & { readonly isKeyOfFile: boolean };

function ofProblem(problem: TriptychProblem, asked: Asked): Refusal {
  const { status, code, detail, requestId } = problem;
  const told = status >= 500 && requestId !== undefined ? ` (request ${requestId})` : '';
  return new Refusal(`${detail}${remedyOf(problem, asked)} [${code}]${told}`, statusOf(status), {
    cause: problem,
  });
}

/** Of what the detail alone does not help with. */
function remedyOf({ status, code }: TriptychProblem, asked: Asked): string {
  if (status === 401) return ` ${credentialRemedy(code, asked)}`;
  if (status === 413) return ' Set a larger BODY_LIMIT for the service, or split what you send.';
  return '';
}

function credentialRemedy(code: string, { url, apiKey, tenantId, isKeyOfFile }: Asked): string {
  if (code === 'tenant_required') {
    const first =
      apiKey === undefined
        ? ''
        : isKeyOfFile
          ? 'leave --api-key-file out and '
          : 'unset TRIPTYCH_API_KEY and ';
    return `The service at ${url} is in development mode: ${first}set TRIPTYCH_TENANT, or say --tenant.`;
  }
  if (apiKey !== undefined)
    return `The service at ${url} does not take this key: check ${isKeyOfFile ? '--api-key-file' : 'TRIPTYCH_API_KEY'}, or make one by \`triptych tenant create-key\`.`;
  return tenantId === undefined
    ? 'Set TRIPTYCH_API_KEY.'
    : `The service at ${url} is not in development mode, so naming a tenant is not enough: set TRIPTYCH_API_KEY.`;
}

function ofConnection(error: TriptychConnectionError, { url, isUrlGiven }: ClientOptions): Refusal {
  const remedy =
    error.code === 'unreachable'
      ? `Start the service with \`triptych serve\`, or ${isUrlGiven ? 'check TRIPTYCH_URL or --url' : 'name another one by TRIPTYCH_URL or --url'}.`
      : error.code === 'timeout'
        ? 'Try again later; `triptych doctor` says what is wrong with a service of this machine.'
        : `Check that ${url} is a Triptych service.`;
  return new Refusal(`${error.message.replace(/\.?$/, '.')} ${remedy}`, STATUS.unavailable, { cause: error });
}
