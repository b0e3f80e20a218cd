import { Inject, Injectable } from '@nestjs/common';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Database } from '../database/database.js';
import {
  IdempotencyAnswerGoneError,
  IdempotencyInProgressError,
  IdempotencyMismatchError,
  TriptychError,
} from '../errors.js';
import { FIND_ANSWER, FORGET, REMEMBER } from './idempotency.sql.js';
import { TenantContext } from './tenant-context.js';

/** A write that its sender may repeat under the same key. */
export interface IdempotentRequest {
  /** 1 to 255 visible ASCII characters. */
  readonly key: string;
  /** SHA-256 of what is asked for: the same for a repetition, another for anything else. */
  readonly hash: Buffer;
  /** HTTP status of the answer when the write succeeds. */
  readonly status: number;
  /** Makes the body of the answer out of what the tier remembers; absent: it is the body. */
  readonly view?: ((answer: never) => unknown) | undefined;
}

/** What was answered when the write was done. */
export class FirstAnswer {
  constructor(
    readonly status: number,
    /** JSON text, byte for byte; null when the answer had no body. */
    readonly body: string | null,
  ) {}
}

/** What an answer belongs to. */
export interface AnswerSubject {
  /** The answer is kept as long as this session; without one it is kept for 24 hours at least. */
  readonly sessionId?: string | undefined;
  /** Objects that the answer shows: see {@link Idempotency.forget}. */
  readonly objectIds?: readonly string[];
}

/**
 * Writes that happen once however often they are sent. The key and the answer are stored in the transaction
 * of the write, so there is never one without the other, also after a crash or among several processes. The
 * caller of a write names its key with {@link once}; whoever carries it out calls {@link remember} in its unit
 * of work. In code, where there is no key, neither has an effect.
 */
@Injectable()
export class Idempotency {
  readonly #requests = new AsyncLocalStorage<IdempotentRequest>();
  readonly #running = new Set<string>();

  constructor(
    @Inject(Database) private readonly database: Pick<Database, 'query'>,
    private readonly tenants: TenantContext,
  ) {}

  /** Whether the caller carries out a request that has a key. */
  get hasKey(): boolean {
    return this.#requests.getStore() !== undefined;
  }

  /**
   * Runs `work` unless the request was answered before. A request that fails is not remembered.
   * @returns what `work` resolves to, or the first answer
   * @throws IdempotencyMismatchError, IdempotencyInProgressError, IdempotencyAnswerGoneError,
   * TenantRequiredError, and whatever `work` throws
   */
  async once<T>(request: IdempotentRequest, work: () => Promise<T>): Promise<T | FirstAnswer> {
    const tenantId = this.tenants.require();
    const first = await this.#find(tenantId, request);
    if (first) return first;
    const name = `${tenantId} ${request.key}`;
    // Not left to the lock in the database alone: work embeds before it takes a connection.
    if (this.#running.has(name)) throw new IdempotencyInProgressError();
    this.#running.add(name);
    try {
      return await this.#requests.run(request, work);
    } catch (error) {
      // Perhaps it was done after all, which is why it failed: by another process, which makes an id taken
      // or a version old, or by this one, when the connection broke after the commit.
      const done = await this.#find(tenantId, request).catch((refusal: unknown) => {
        throw refusal instanceof TriptychError ? refusal : error;
      });
      if (done) return done;
      throw error;
    } finally {
      this.#running.delete(name);
    }
  }

  /**
   * Stores the answer of the request under way with its key. To be called inside the unit of work of the
   * write, after its own statements, and with its rejection left to roll that back. Without a key in scope
   * nothing happens.
   * @param answer what the tier answers; `undefined` when the answer has no body
   * @throws IdempotencyInProgressError when another process has stored, or is storing, an answer for the key
   */
  async remember(answer: unknown, { sessionId, objectIds = [] }: AnswerSubject = {}): Promise<void> {
    const request = this.#requests.getStore();
    if (!request) return;
    const { key, hash, status, view = (same: unknown) => same } = request;
    const body = answer === undefined ? null : JSON.stringify(view(answer as never));
    const [outcome] = await this.database.query<{ kept: boolean }>(REMEMBER, [
      this.tenants.require(),
      key,
      hash,
      status,
      body,
      sessionId ?? null,
      objectIds,
    ]);
    if (!outcome?.kept) throw new IdempotencyInProgressError();
  }

  /**
   * Blanks every answer that shows one of these objects, for the unit of work that deletes them. The keys
   * stay, so that a late repetition does not bring back what was deleted.
   */
  async forget(objectIds: readonly string[]): Promise<void> {
    await this.database.query(FORGET, [this.tenants.require(), objectIds]);
  }

  async #find(tenantId: string, { key, hash }: IdempotentRequest): Promise<FirstAnswer | undefined> {
    const [row] = await this.database.query<{ hash: Buffer | null; status: number; body: string | null }>(
      FIND_ANSWER,
      [tenantId, key],
    );
    if (!row) return undefined;
    if (row.hash === null) throw new IdempotencyAnswerGoneError();
    if (!hash.equals(row.hash)) throw new IdempotencyMismatchError();
    return new FirstAnswer(row.status, row.body);
  }
}
