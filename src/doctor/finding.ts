/** What came of one check. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly name: string;
  /** `skipped`: it could not be looked at, on account of what another one found. */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** A finding without its name, which the list of checks has. */
export type Result = Omit<Finding, 'name'>;

export const ok = (detail: string): Result => ({ state: 'ok', detail });
export const warning = (detail: string, remedy: string): Result => ({ state: 'warning', detail, remedy });
export const failed = (detail: string, remedy: string): Result => ({ state: 'failed', detail, remedy });
export const skipped = (detail: string): Result => ({ state: 'skipped', detail });

/** An error as a result: our own say what to do; of others the message is all that is known. */
export function failure(error: unknown, remedy: string): Result {
  return failed(messageOf(error), remedy);
}

export function messageOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  if (typeof message === 'string' && message !== '') return message;
  return typeof code === 'string' ? code : String(error);
}
