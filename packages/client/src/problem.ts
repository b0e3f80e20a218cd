import type { ProblemView, ReadyView, ViolationView } from './generated/types.gen.js';

/** The problem document (RFC 9457) of an answer. */
export type Problem = ProblemView;

/** The service, or what stands before it, refused a request. */
export class TriptychProblem extends Error {
  override readonly name = 'TriptychProblem';
  /** HTTP status; 304 of a conditional read whose thread has not changed. */
  readonly status: number;
  /**
   * Stable and machine-readable, such as `not_found`; `not_ready` of `checkReadiness`; `unexpected_answer` where it was no
   * problem document, such as a page of a proxy.
   */
  readonly code: string;
  readonly title: string;
  /** For people; names the remedy. */
  readonly detail: string;
  /** Stands in the log of the service. */
  readonly requestId: string | undefined;
  /** Each field that is not acceptable; empty where there is none. */
  readonly violations: readonly ViolationView[];
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined;
  /** The whole document, with the fields that only some problems have (`currentVersion`, `needed` …). */
  readonly problem: Problem;
  /** With `not_ready`: each part of the service and its state. */
  readonly report: ReadyView | undefined;

  constructor(response: Response, body: unknown) {
    const report = isReport(body) ? body : undefined;
    const problem = isProblem(body) ? body : report ? notReady(response, report) : unexpected(response);
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail;
    this.requestId = response.headers.get('x-request-id') ?? undefined;
    this.violations = problem.violations ?? [];
    this.retryAfter = problem.retryAfter ?? secondsOf(response.headers.get('retry-after'));
    this.problem = problem;
    this.report = report;
  }
}

/** Why no answer could be had: none in time, none at all, or one that is none of the service's. */
export type ConnectionFailure = 'timeout' | 'unreachable' | 'unreadable';

/** There is no answer of the service. `cause` is what `fetch` said. */
export class TriptychConnectionError extends Error {
  override readonly name = 'TriptychConnectionError';

  constructor(
    readonly code: ConnectionFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Seconds of a `Retry-After`, which names seconds or a date.
 * @param now milliseconds since 1970
 */
export function secondsOf(retryAfter: string | null, now = Date.now()): number | undefined {
  if (retryAfter === null) return undefined;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter);
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1_000));
}

function isProblem(body: unknown): body is Problem {
  const { status, code, title, detail } = (body ?? {}) as Partial<Problem>;
  return (
    typeof status === 'number' && [code, title, detail].every((text) => typeof text === 'string' && text)
  );
}

/** Of `/health/ready`, whose answer is a report at any status. */
function isReport(body: unknown): body is ReadyView {
  const { status, error, details } = (body ?? {}) as Partial<ReadyView>;
  return typeof status === 'string' && [error, details].every((parts) => typeof parts === 'object' && parts);
}

function notReady({ status, statusText }: Response, { error }: ReadyView): Problem {
  const down = Object.entries(error).map(([part, { reason }]) => `${part}: ${reason ?? 'down'}`);
  const detail = ['The service is not ready.', ...down].join(' ');
  return { type: 'about:blank', title: statusText || 'Not ready', status, code: 'not_ready', detail };
}

/** Without the text of the answer, which nobody knows. */
function unexpected({ status, statusText }: Response): Problem {
  const isUnchanged = status === 304;
  const title = statusText || (isUnchanged ? 'Not Modified' : 'Unexpected answer');
  const code = isUnchanged ? 'not_modified' : 'unexpected_answer';
  const detail = isUnchanged
    ? 'What was asked for has not changed.'
    : `The answer is no problem document of the service. Does baseUrl lead to it? (${status})`;
  return { type: 'about:blank', title, status, code, detail };
}
