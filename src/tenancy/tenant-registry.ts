// Over 200 lines: tenants and keys, each command one short method.
import type { DataSource, EntityManager } from 'typeorm';
import type { Query } from '../database/preflight.js';
import { InvalidInputError, InvalidTenantError, NotFoundError } from '../errors.js';
import { insertAudit, logAudit, type AuditEntry } from './audit-log.js';
import { createApiKey, hashSecret, IN_FORCE, tenantOfKeyId } from './api-key.js';
import type { Scope } from './authenticator.js';
import { eraseTenant, holdingsOf } from './erase-tenant.js';
import { isTenantId } from './tenant-context.js';
import type { TableHoldings } from './tenant-tables.js';

/** A tenant with what it has of its own; `null` stands for what the settings say. */
export interface Tenant {
  tenantId: string;
  name: string | null;
  /** Requests per second; 0: no limit. */
  rateLimit: number | null;
  /** Requests per day (UTC); 0: no limit. */
  dailyQuota: number | null;
  createdAt: Date;
}

/** What is known of a key: all but its secret. */
export interface ApiKeyRecord {
  keyId: string;
  scopes: Scope[];
  label: string | null;
  createdAt: Date;
  expiresAt: Date | null;
  /** From when on it is refused: in the future while its successor and it overlap. */
  revokedAt: Date | null;
}

export interface NewApiKey {
  readonly scopes?: readonly Scope[] | undefined;
  readonly label?: string | undefined;
  /** Seconds from now; absent: never. */
  readonly expiresIn?: number | undefined;
}

/** A key in full, to be shown once: nothing can show it again. */
export type IssuedApiKey = ApiKeyRecord & { key: string };

/** How the words of a tenant become lexemes. */
export interface TenantLanguage {
  tenantId: string;
  /** PostgreSQL's text search configuration with which its index is written. */
  textSearch: string;
  /** Whether it is the tenant's own; otherwise it was the default when the index was written. */
  isOwn: boolean;
  /** Memories in the index. */
  memories: number;
  default: string;
}

/** Done so far, and altogether. */
export type Progress = (done: number, of: number) => void;

/** What the registry asks of the index of words, which belongs to a room that knows this one. */
export interface TenantIndex {
  read(query: Query, tenantId: string): Promise<TenantLanguage & { available: string[] }>;
  rewrite(
    query: Query,
    tenantId: string,
    options: { textSearch: string | null; progress?: Progress | undefined },
  ): Promise<TenantLanguage>;
}

/** Whoever may run commands as the owner of the database. */
const OPERATOR = 'operator';

const TENANT = `tenant_id AS "tenantId", name, rate_limit AS "rateLimit", daily_quota AS "dailyQuota",
  created_at AS "createdAt"`;
const KEY = `key_id AS "keyId", scopes, label, created_at AS "createdAt", expires_at AS "expiresAt",
  revoked_at AS "revokedAt"`;

/**
 * Tenants and their API keys, for an operator with the rights of the schema's owner: the role that serves
 * requests can read them and change none. Policies bind the owner too, so each transaction names a tenant.
 */
export class TenantRegistry {
  constructor(
    private readonly owner: DataSource,
    private readonly index?: TenantIndex,
  ) {}

  /** @throws InvalidTenantError; InvalidInputError when the tenant is there already */
  async create({
    tenantId,
    name,
    rateLimit,
    dailyQuota,
  }: Partial<Tenant> & { tenantId: string }): Promise<Tenant> {
    if (!isTenantId(tenantId)) throw new InvalidTenantError();
    return this.#of(tenantId, async (manager, record) => {
      const [tenant] = await manager.query<Tenant[]>(
        `INSERT INTO shared.tenants (tenant_id, name, rate_limit, daily_quota) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING RETURNING ${TENANT}`,
        [tenantId, name, rateLimit, dailyQuota],
      );
      if (!tenant)
        throw new InvalidInputError([{ field: 'tenantId', message: `${tenantId} exists already` }]);
      await record({ action: 'tenant.create', objectType: 'tenant', objectId: tenantId });
      return tenant;
    });
  }

  /** All tenants; a policy of its own lets the owner see them. */
  list(): Promise<Tenant[]> {
    return this.owner.query<Tenant[]>(`SELECT ${TENANT} FROM shared.tenants ORDER BY tenant_id`);
  }

  /** @throws NotFoundError when there is no such tenant */
  keys(tenantId: string): Promise<ApiKeyRecord[]> {
    return this.#of(tenantId, async (manager) => {
      await requireTenant(manager, tenantId);
      return manager.query<ApiKeyRecord[]>(
        `SELECT ${KEY} FROM shared.api_keys WHERE tenant_id = $1 ORDER BY created_at, key_id`,
        [tenantId],
      );
    });
  }

  /** @throws NotFoundError when there is no such tenant */
  createKey(tenantId: string, key: NewApiKey = {}): Promise<IssuedApiKey> {
    return this.#of(tenantId, async (manager, record) => {
      await requireTenant(manager, tenantId);
      const issued = await issue(manager, tenantId, key);
      await record({ action: 'api_key.create', objectType: 'api_key', objectId: issued.keyId });
      return issued;
    });
  }

  /**
   * Issues a successor with the same scopes and label; the old key is revoked as of the end of the overlap,
   * unless that was so, or it expires, earlier. Its expiry stays as it was issued, so that the successor
   * lives as long as its predecessor was given, counted from now, however often that was rotated.
   * @param overlap seconds during which both keys work
   * @throws NotFoundError when there is no such key, or it no longer works
   */
  rotate(
    keyId: string,
    { overlap, expiresIn }: { overlap: number; expiresIn?: number | undefined },
  ): Promise<IssuedApiKey> {
    const tenantId = tenantOf(keyId);
    return this.#of(tenantId, async (manager, record) => {
      const [old] = await manager.query<{ scopes: Scope[]; label: string | null; lifetime: number | null }[]>(
        `SELECT scopes, label, ceil(extract(epoch FROM expires_at - created_at))::float8 AS lifetime
           FROM shared.api_keys
          WHERE tenant_id = $1 AND key_id = $2 AND ${IN_FORCE} FOR UPDATE`,
        [tenantId, keyId],
      );
      if (!old) throw new NotFoundError('key that still works');
      await manager.query(
        `UPDATE shared.api_keys SET revoked_at = least(revoked_at, now() + make_interval(secs => $3))
          WHERE tenant_id = $1 AND key_id = $2`,
        [tenantId, keyId, overlap],
      );
      const issued = await issue(manager, tenantId, {
        scopes: old.scopes,
        label: old.label ?? undefined,
        expiresIn: expiresIn ?? old.lifetime ?? undefined,
      });
      await record(
        { action: 'api_key.rotate', objectType: 'api_key', objectId: keyId },
        { action: 'api_key.create', objectType: 'api_key', objectId: issued.keyId },
      );
      return issued;
    });
  }

  /**
   * Ends a key for good, in every process within 5 s. Revoking it again changes nothing.
   * @throws NotFoundError when there is no such key
   */
  revoke(keyId: string): Promise<ApiKeyRecord> {
    const tenantId = tenantOf(keyId);
    return this.#of(tenantId, async (manager, record) => {
      const [works] = await manager.query<{ keyId: string }[]>(
        `SELECT key_id AS "keyId" FROM shared.api_keys
          WHERE tenant_id = $1 AND key_id = $2 AND (revoked_at IS NULL OR revoked_at > now()) FOR UPDATE`,
        [tenantId, keyId],
      );
      if (works) {
        await manager.query(
          `UPDATE shared.api_keys SET revoked_at = now() WHERE tenant_id = $1 AND key_id = $2`,
          [tenantId, keyId],
        );
        await record({ action: 'api_key.revoke', objectType: 'api_key', objectId: keyId });
      }
      const [key] = await manager.query<ApiKeyRecord[]>(
        `SELECT ${KEY} FROM shared.api_keys WHERE tenant_id = $1 AND key_id = $2`,
        [tenantId, keyId],
      );
      if (!key) throw new NotFoundError('key');
      return key;
    });
  }

  /**
   * The text search configuration of a tenant, registered or not, and those that the server has.
   * @throws InvalidTenantError
   */
  language(tenantId: string): Promise<TenantLanguage & { available: string[] }> {
    if (!isTenantId(tenantId)) throw new InvalidTenantError();
    return this.#of(tenantId, (manager) => this.#index.read(queryOf(manager), tenantId));
  }

  /**
   * Gives a tenant, registered or not, a text search configuration of its own, and writes its index anew with it.
   * @param textSearch null: the default
   * @throws InvalidTenantError; InvalidInputError when the server has no such configuration
   */
  setLanguage(tenantId: string, textSearch: string | null, progress?: Progress): Promise<TenantLanguage> {
    if (!isTenantId(tenantId)) throw new InvalidTenantError();
    return this.#of(tenantId, async (manager, record) => {
      const language = await this.#index.rewrite(queryOf(manager), tenantId, { textSearch, progress });
      await record({
        action: 'tenant.update',
        objectType: 'tenant',
        objectId: tenantId,
        details: { fields: ['textSearch'], memories: language.memories },
      });
      return language;
    });
  }

  get #index(): TenantIndex {
    if (!this.index) throw new Error('This registry was given no index.');
    return this.index;
  }

  /** See {@link holdingsOf}. */
  holdings(tenantId: string): Promise<TableHoldings[]> {
    return holdingsOf(this.owner, tenantId);
  }

  /** See {@link eraseTenant}. */
  erase(tenantId: string): Promise<TableHoldings[]> {
    return eraseTenant(this.owner, tenantId);
  }

  /** One transaction in the scope of one tenant; what it records is logged once it is committed. */
  async #of<T>(
    tenantId: string,
    work: (manager: EntityManager, record: (...entries: AuditEntry[]) => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const subject = { tenantId, actor: OPERATOR };
    const recorded: AuditEntry[] = [];
    const result = await this.owner.transaction(async (manager) => {
      await manager.query(`SELECT set_config('app.tenant_id', $1, true)`, [tenantId]);
      return work(manager, async (...entries) => {
        recorded.push(...entries);
        await insertAudit((sql, parameters) => manager.query(sql, parameters), subject, entries);
      });
    });
    logAudit(subject, recorded);
    return result;
  }
}

function queryOf(manager: EntityManager): Query {
  return (sql, parameters) => manager.query(sql, parameters);
}

function tenantOf(keyId: string): string {
  const tenantId = tenantOfKeyId(keyId);
  if (tenantId === undefined) throw new NotFoundError('key');
  return tenantId;
}

async function requireTenant(manager: EntityManager, tenantId: string): Promise<void> {
  const found = await manager.query<unknown[]>(`SELECT 1 FROM shared.tenants WHERE tenant_id = $1`, [
    tenantId,
  ]);
  if (found.length === 0) throw new NotFoundError('tenant');
}

async function issue(
  manager: EntityManager,
  tenantId: string,
  { scopes = ['read', 'write'], label, expiresIn }: NewApiKey,
): Promise<IssuedApiKey> {
  const { key, keyId, secret } = createApiKey(tenantId);
  const { salt, hash } = hashSecret(secret);
  const [record] = await manager.query<[ApiKeyRecord]>(
    `INSERT INTO shared.api_keys (tenant_id, key_id, salt, hash, scopes, label, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)) RETURNING ${KEY}`,
    [tenantId, keyId, salt, hash, scopes, label, expiresIn],
  );
  return { ...record, key };
}
