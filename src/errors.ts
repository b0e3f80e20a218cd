// Over 200 lines: one registry, so that no code or status is given twice.
/**
 * The one registry of errors: class, stable code, HTTP status and a message that names the remedy.
 * `docs/errors.md` lists the same rows, and a test holds the two together. Anything thrown that is not
 * one of these is a defect and reaches a client as 500 `internal_error`, without its message.
 */
export abstract class TriptychError extends Error {
  /** Stable, machine-readable; never changes once published. */
  abstract readonly code: string;
  /** HTTP status of the answer. */
  abstract readonly status: number;
  /** Members added to the problem document beside `code`, `title`, `status` and `detail`. */
  readonly extensions: Readonly<Record<string, unknown>> = {};

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A value the caller sent cannot be kept or understood. `violations` names each field and what is wrong. */
export class InvalidInputError extends TriptychError {
  readonly code = 'invalid_input';
  readonly status = 400;
  override readonly extensions: { readonly violations: readonly Violation[] };

  /** @param violations of which the first 100 are told, and of a field's name the first 200 characters */
  constructor(violations: readonly Violation[]) {
    const told = violations.slice(0, MAX_VIOLATIONS).map(({ field, message }) => ({
      field: field.length > MAX_FIELD ? `${field.slice(0, MAX_FIELD).toWellFormed()}…` : field,
      message,
    }));
    const more = violations.length - told.length;
    const texts = told.map(({ field, message }) => `${field}: ${message}`);
    super([...texts, ...(more > 0 ? [`and ${more} more`] : [])].join('; '));
    this.extensions = { violations: told };
  }
}
/** An answer must not be much larger than what was asked: a body of 1 MB can name 100,000 fields that are not known. */
const MAX_VIOLATIONS = 100;
const MAX_FIELD = 200;
/** One field that is not acceptable. `field` is a path such as `messages.0.content`. */
export interface Violation {
  readonly field: string;
  readonly message: string;
}

/** A tenant-bound call was made with no tenant in scope. There is never a default tenant. */
export class TenantRequiredError extends TriptychError {
  readonly code = 'tenant_required';
  readonly status = 401;

  constructor() {
    super(
      'No tenant is in scope. Over HTTP send a credential (in development mode the header X-Tenant-Id); ' +
        'in code wrap the call in TenantContext.run(tenantId, work).',
    );
  }
}

/** A tenant id, from a credential or from code, that is not of the accepted form. */
export class InvalidTenantError extends TriptychError {
  readonly code = 'invalid_tenant';
  readonly status = 400;

  constructor() {
    super('A tenant id is 1 to 128 of the characters A-Z a-z 0-9 . _ - and starts with a letter or a digit.');
  }
}

/**
 * The credential is missing, malformed, unknown, expired, revoked or wrongly signed. Which of these it is
 * stays unsaid: it would help whoever is guessing.
 */
export class UnauthenticatedError extends TriptychError {
  readonly code = 'unauthenticated';
  readonly status = 401;

  constructor() {
    super('The request carries no acceptable credential. Send `Authorization: Bearer <API key or token>`.');
  }
}

/** Who is asking is known, and may not do this. */
export class ForbiddenError extends TriptychError {
  readonly code = 'forbidden';
  readonly status = 403;
}

/** The tenant sends requests faster than its rate limit allows. */
export class RateLimitedError extends TriptychError {
  readonly code = 'rate_limited';
  readonly status = 429;
  override readonly extensions: { readonly retryAfter: number };

  /** @param retryAfter whole seconds until a request can succeed */
  constructor(retryAfter: number) {
    super(`The tenant is above its rate of requests. Retry after ${retryAfter} s.`);
    this.extensions = { retryAfter };
  }
}

/** The tenant has used up its requests of the day. */
export class QuotaExceededError extends TriptychError {
  readonly code = 'quota_exceeded';
  readonly status = 429;
  override readonly extensions: { readonly retryAfter: number };

  /** @param retryAfter whole seconds until the next day (UTC) */
  constructor(retryAfter: number) {
    super(
      `The tenant has used its requests of today. The next day begins in ${retryAfter} s, at midnight UTC.`,
    );
    this.extensions = { retryAfter };
  }
}

/**
 * Too many keys that nobody holds were shown within a second, so this one, which this process has not seen
 * before, was not looked up. It says nothing of the key.
 */
export class TooManyUnknownKeysError extends TriptychError {
  readonly code = 'too_many_unknown_keys';
  readonly status = 429;
  override readonly extensions: { readonly retryAfter: number } = { retryAfter: 1 };

  constructor() {
    super('Too many unknown API keys were sent, so this one was not looked up. Retry after 1 s.');
  }
}

/** The keys that tokens are checked with cannot be had. Nobody is let in on that account. */
export class IdentityProviderUnavailableError extends TriptychError {
  readonly code = 'identity_provider_unavailable';
  readonly status = 503;

  constructor(options?: ErrorOptions) {
    super(
      'The key set of the identity provider cannot be read, so tokens cannot be checked. Retry later.',
      options,
    );
  }
}

/** The object is not there, or belongs to another tenant: the two answers are the same. */
export class NotFoundError extends TriptychError {
  readonly code = 'not_found';
  readonly status = 404;

  constructor(what = 'object') {
    super(`There is no such ${what}.`);
  }
}

/** The thread moved on since the version the caller named. */
export class VersionConflictError extends TriptychError {
  readonly code = 'version_conflict';
  readonly status = 412;
  override readonly extensions: { readonly currentVersion: number };

  constructor(currentVersion: number) {
    super(`The thread is at version ${currentVersion}. Read it again and retry with that version.`);
    this.extensions = { currentVersion };
  }
}

/**
 * What a writer of a thread began with is no longer so: somebody else wrote to the thread meanwhile, or it was
 * cleared. Nothing of what was refused is kept.
 */
export class SessionConflictError extends TriptychError {
  readonly code = 'session_conflict';
  readonly status = 409;

  /** @param reason what happened meanwhile, as a sentence */
  constructor(reason: string) {
    super(
      `${reason} Nothing was written. Read the thread again and repeat; run a graph inside ` +
        'SessionStore.exclusive(threadId, work) to have the thread for yourself.',
    );
  }
}

/** Somebody else has the thread for himself, for longer than a writer waits. */
export class SessionBusyError extends TriptychError {
  readonly code = 'session_busy';
  readonly status = 409;
  override readonly extensions: { readonly retryAfter: number } = { retryAfter: 1 };

  constructor() {
    super('Another writer has this thread for itself. Nothing was written. Retry after it is done.');
  }
}

/** A message of the thread has this id already. */
export class MessageIdTakenError extends TriptychError {
  readonly code = 'message_id_taken';
  readonly status = 409;

  constructor(id: string) {
    super(
      `The thread has a message with the id ${JSON.stringify(id)} already. Leave the id out, or choose another.`,
    );
  }
}

/** The idempotency key was used for another request. */
export class IdempotencyMismatchError extends TriptychError {
  readonly code = 'idempotency_mismatch';
  readonly status = 422;

  constructor() {
    super(
      'This Idempotency-Key was used for another request. Repeat that one unchanged, or choose a new key for this one.',
    );
  }
}

/** A request with the same idempotency key is not answered yet. */
export class IdempotencyInProgressError extends TriptychError {
  readonly code = 'idempotency_in_progress';
  readonly status = 409;
  /** Whole seconds. */
  override readonly extensions = { retryAfter: 1 };

  constructor() {
    super('A request with this Idempotency-Key is still running. Send it again in a moment.');
  }
}

/** The request was carried out, and what its answer showed has been deleted since. */
export class IdempotencyAnswerGoneError extends TriptychError {
  readonly code = 'idempotency_answer_gone';
  readonly status = 410;

  constructor() {
    super(
      'The request with this Idempotency-Key was carried out, and what it wrote has been deleted since. ' +
        'To write it once more, send it with a new key.',
    );
  }
}

/** The model tier named in a request is not configured. */
export class UnknownTierError extends TriptychError {
  readonly code = 'unknown_tier';
  readonly status = 400;

  constructor(tier: string, known: readonly string[]) {
    super(`There is no model tier ${JSON.stringify(tier.slice(0, 64))}. Known tiers: ${known.join(', ')}.`);
  }
}

/** The request cannot fit its budget however much is cut. */
export class BudgetExceededError extends TriptychError {
  readonly code = 'budget_exceeded';
  readonly status = 422;
  override readonly extensions: { readonly needed: number; readonly available: number };

  constructor(section: string, needed: number, available: number) {
    super(
      `${section} needs ${needed} tokens and ${available} are available: ${needed - available} too many.`,
    );
    this.extensions = { needed, available };
  }
}

/** The embedding provider cannot be reached, is too slow, answers with an error, or is not asked for such reasons. */
export class EmbeddingsUnavailableError extends TriptychError {
  readonly code = 'embeddings_unavailable';
  readonly status = 503;
  override readonly extensions: { readonly retryAfter?: number };
  /** What went wrong, without the words around it. */
  readonly detail: string;
  /** The provider refused these very texts, so waiting does not help, and others may well be embedded. */
  readonly isOfContent: boolean;
  /** Nobody can tell whether it is away or fails for these very texts, as with a server that chokes on one of them. */
  readonly mayBeOfContent: boolean;

  /**
   * @param options.retryAfter whole seconds until asking again may help, where that is known; at least 1
   * @param options.isOfContent false unless said otherwise
   * @param options.mayBeOfContent the same as `isOfContent` unless said otherwise
   */
  constructor(
    detail: string,
    {
      retryAfter,
      isOfContent = false,
      mayBeOfContent = isOfContent,
      ...options
    }: ErrorOptions & {
      retryAfter?: number | undefined;
      isOfContent?: boolean;
      mayBeOfContent?: boolean;
    } = {},
  ) {
    const reason = detail.replace(/\.$/, '');
    super(`The embedding provider did not answer usefully: ${reason}.`, options);
    this.detail = reason;
    this.extensions = retryAfter === undefined ? {} : { retryAfter };
    this.isOfContent = isOfContent;
    this.mayBeOfContent = mayBeOfContent;
  }
}

/** The embedding provider answered, but with vectors that must not be stored. */
export class InvalidEmbeddingError extends TriptychError {
  readonly code = 'invalid_embedding';
  readonly status = 502;

  constructor(detail: string) {
    super(`The embedding provider answered with unusable vectors: ${detail}.`);
  }
}

/** PostgreSQL cannot be reached or cannot serve now. */
export class DatabaseUnavailableError extends TriptychError {
  readonly code = 'database_unavailable';
  readonly status = 503;

  /** @param detail why, as the end of a sentence */
  constructor(
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`The database cannot serve the request: ${detail}. Retry later.`, options);
  }
}

/** All connections to PostgreSQL are at work for others, and none became free in time. */
export class DatabaseBusyError extends TriptychError {
  readonly code = 'database_busy';
  readonly status = 503;
  /** Whole seconds. */
  override readonly extensions: { readonly retryAfter: number } = { retryAfter: 1 };

  /** @param waitedMs for one of the `connections`, in milliseconds */
  constructor(connections: number, waitedMs: number) {
    super(
      `All ${connections} connections to the database were in use for ${waitedMs} ms. Retry later. If it stays, ` +
        'raise DATABASE_POOL_SIZE.',
    );
  }
}

/** The service is told to stop, and the request was not finished in the time that is left for that. */
export class ShuttingDownError extends TriptychError {
  readonly code = 'shutting_down';
  readonly status = 503;

  constructor() {
    super('The service is stopping. Send the request again, a write under its Idempotency-Key.');
  }
}

/** A unit of work was rolled back although its caller resolved: part of it had failed. Nothing was kept. */
export class RolledBackError extends TriptychError {
  readonly code = 'rolled_back';
  readonly status = 500;

  constructor() {
    super('Part of this unit of work failed, so all of it was rolled back.');
  }
}

/** The service must not start as it is set up; the message says what to do. */
export class StartupError extends TriptychError {
  readonly code = 'startup_refused';
  readonly status = 500;
}
