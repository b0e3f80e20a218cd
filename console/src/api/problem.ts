/** What is wrong with one field of a request. */
export interface Violation {
  readonly field: string;
  readonly message: string;
}

interface ProblemMembers {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId?: string | undefined;
  readonly violations?: readonly Violation[] | undefined;
  readonly retryAfter?: number | undefined;
}

/** A refusal of the service (problem+json), or that there was no answer at all: status 0, code `unreachable`. */
export class ApiProblem extends Error {
  readonly status: number;
  /** Stable; docs/errors.md lists them. */
  readonly code: string;
  readonly title: string;
  /** For people; the service names the remedy in it. */
  readonly detail: string;
  /** Under which the service's log has more. */
  readonly requestId: string | undefined;
  readonly violations: readonly Violation[];
  /** Seconds. */
  readonly retryAfter: number | undefined;

  constructor({ status, code, title, detail, requestId, violations = [], retryAfter }: ProblemMembers) {
    super(detail);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
    this.title = title;
    this.detail = detail;
    this.requestId = requestId;
    this.violations = violations;
    this.retryAfter = retryAfter;
  }
}

/** Whatever was thrown, as a problem that can be shown. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem({
    status: -1,
    code: 'console_error',
    title: 'Something went wrong in this page',
    detail: error instanceof Error ? error.message : String(error),
  });
}

/** @param why as the client says it: `timeout`, `unreachable`, or `unreadable`, which is no answer of Triptych */
export function unreachable(why: 'timeout' | 'unreachable' | 'unreadable'): ApiProblem {
  return new ApiProblem({
    status: 0,
    code: why,
    title: 'The service does not answer',
    detail: NO_ANSWER[why],
  });
}

const NO_ANSWER = {
  timeout: 'It took longer than it may. What was asked for may have been done or not.',
  unreachable: 'The request did not reach it, or the connection broke before the answer came.',
  unreadable: 'What came back is no answer of Triptych. Is something between it and this page?',
};

/** What to do about it, where the console knows better than the service's own words; undefined otherwise. */
export function remedyOf({ status, retryAfter }: ApiProblem): string | undefined {
  if (status === -1)
    return 'Try again, or open another view. If it stays, load the page anew; what was typed and not sent is lost by that.';
  if (status === 0) return 'Check that the service runs and that you are online, then try again.';
  if (status === 401) return 'Sign in again, with a key that is in force. What you typed stays here.';
  if (status === 403) return 'Sign in with a key that has the scope this needs.';
  if (status === 429 || status === 503)
    return retryAfter === undefined ? 'Wait a moment and try again.' : `Try again in ${retryAfter} s.`;
  if (status === 413) return 'Make it shorter, or split it into several.';
  if (status === 404) return 'It may have been removed meanwhile. Go back to the list.';
  if (status >= 500) return 'Try again. If it stays, give the request id to whoever runs the service.';
  return undefined;
}
