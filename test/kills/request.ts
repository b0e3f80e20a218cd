import type { ProcessAnswer, ServiceProcess } from '../support/service-process.js';

export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** The `Idempotency-Key`. */
  readonly key?: string | undefined;
  /** The version that `If-Match` names. */
  readonly ifMatch?: number | undefined;
}

/** Undefined when there was no answer, or a 5xx: whether the service did what was asked, nobody knows. */
export async function ask(
  service: ServiceProcess,
  tenant: string,
  { method, path, body, key, ifMatch }: Request,
): Promise<ProcessAnswer | undefined> {
  const headers = {
    ...(key !== undefined && { 'idempotency-key': key }),
    ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
  };
  try {
    const answer = await service.send(tenant, method, path, body, undefined, headers);
    return answer.status < 500 ? answer : undefined;
  } catch {
    return undefined;
  }
}

/** The answer of a request that nothing stands in the way of. */
export async function mustAsk(
  service: ServiceProcess,
  tenant: string,
  request: Request,
): Promise<ProcessAnswer> {
  const answer = await ask(service, tenant, request);
  if (!answer) throw new Error(`${request.method} ${request.path} was not answered, or with a 5xx.`);
  return answer;
}
