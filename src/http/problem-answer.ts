import { JSON_RPC_PATH, jsonRpcProblem } from './json-rpc.js';
import { PROBLEM_JSON, type Problem } from './problem.js';

/** Seconds after which a client may try again when a part of the service is away. */
const RETRY_AFTER = 5;

/** How a problem is answered, beside its status. */
export interface ProblemAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** @param route its pattern, since the clients of one route are refused in their own language; undefined: none is meant */
export function answerOf(problem: Problem, route: string | undefined): ProblemAnswer {
  const { status, retryAfter = status === 503 ? RETRY_AFTER : undefined } = problem;
  const isJsonRpc = route === JSON_RPC_PATH;
  return {
    headers: {
      'content-type': isJsonRpc ? 'application/json' : PROBLEM_JSON,
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      ...(typeof retryAfter === 'number' && { 'retry-after': String(retryAfter) }),
    },
    body: isJsonRpc ? jsonRpcProblem(problem) : problem,
  };
}
