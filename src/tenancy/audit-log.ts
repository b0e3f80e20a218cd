import { Inject, Injectable, Logger } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database.js';
import type { Query } from '../database/preflight.js';
import { currentActor, TenantContext } from './tenant-context.js';

/** One mutation of one object. */
export interface AuditEntry {
  /** `<type of the object>.<verb>`. */
  readonly action: string;
  readonly objectType: 'session' | 'memory' | 'tenant' | 'api_key';
  readonly objectId: string;
  /** Counts, names of fields and the like; never content, never a secret. Only in the row. */
  readonly details?: Readonly<Record<string, number | boolean | readonly string[]>>;
}

/** Whose doing it was. */
export interface AuditSubject {
  readonly tenantId: string;
  readonly actor: string;
}

/** What is refused or rolled back leaves no entry, so whatever is recorded has succeeded. */
const OUTCOME = 'success';

const INSERT = `
  INSERT INTO shared.audit_log
    (tenant_id, actor, outcome, audit_id, action, object_type, object_id, details)
  SELECT $1, $2, $3, * FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[])`;

const logger = new Logger('Audit');

/**
 * The record of mutations: an append-only row in `shared.audit_log`, written in the transaction of the
 * mutation, and one line in the log once that is committed. One of each for every object, so that «who
 * stored this memory» is one condition, in a batch of 1,000 too, whose rows are one statement.
 */
@Injectable()
export class AuditLog {
  constructor(
    @Inject(Database) private readonly database: Pick<Database, 'query' | 'afterCommit' | 'isInUnitOfWork'>,
    private readonly tenants: TenantContext,
  ) {}

  /**
   * Records what the unit of work under way does for the tenant in scope, once it is certain to be done: a
   * refusal need not roll back, since an outer unit of work may go on after it.
   * @throws TenantRequiredError; Error outside a unit of work
   */
  async record(...entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const subject = this.#subject();
    this.database.afterCommit(() => {
      logAudit(subject, entries);
    });
    await insertAudit((sql, parameters) => this.database.query(sql, parameters), subject, entries);
  }

  /** Parameters of an entry's row, for a statement that writes it together with what it does. */
  row(): { readonly auditId: string; readonly actor: string; readonly outcome: string } {
    return { auditId: uuidv7(), actor: currentActor(), outcome: OUTCOME };
  }

  /** The lines in the log of entries whose rows such a statement has written. */
  announce(...entries: readonly AuditEntry[]): void {
    const subject = this.#subject();
    const announce = (): void => {
      logAudit(subject, entries);
    };
    if (this.database.isInUnitOfWork) this.database.afterCommit(announce);
    else announce();
  }

  #subject(): AuditSubject {
    return { tenantId: this.tenants.require(), actor: currentActor() };
  }
}

/** Writes the rows, for those who have a connection of their own; log them with {@link logAudit} when committed. */
export async function insertAudit(
  query: Query,
  { tenantId, actor }: AuditSubject,
  entries: readonly AuditEntry[],
): Promise<void> {
  await query(INSERT, [
    tenantId,
    actor,
    OUTCOME,
    entries.map(() => uuidv7()),
    entries.map(({ action }) => action),
    entries.map(({ objectType }) => objectType),
    entries.map(({ objectId }) => objectId),
    entries.map(({ details }) => (details ? JSON.stringify(details) : null)),
  ]);
}

/** One structured line for each entry. */
export function logAudit({ tenantId, actor }: AuditSubject, entries: readonly AuditEntry[]): void {
  for (const { action, objectType, objectId } of entries)
    logger.log({
      event: 'audit',
      tenantId,
      actor: printable(actor),
      action,
      object: `${objectType}:${printable(objectId)}`,
      outcome: OUTCOME,
    });
}

/**
 * A text in which nothing moves the cursor, ends a line or turns the direction of writing, whatever shows
 * the log: what is invisible (Unicode's categories C, Zl and Zp) becomes `\u{…}`, and so does a backslash,
 * lest somebody choose an id that reads like an escape.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\\]/gu, (character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    return `\\u{${codePoint.toString(16)}}`;
  });
}
