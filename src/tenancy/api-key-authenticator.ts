import { createHash } from 'node:crypto';
import type { Database } from '../database/database.js';
import { UnauthenticatedError } from '../errors.js';
import { hashSecret, isSecret, parseApiKey, type ApiKey, type HashedSecret } from './api-key.js';
import { Authenticator, type CredentialCarrier, type Identity, type Scope } from './authenticator.js';
import { bearerToken } from './bearer-token.js';
import { ShortLivedCache, type ShortLived } from './short-lived-cache.js';
import type { TenantContext } from './tenant-context.js';

/** A revoked key works this long at most, in every process; the promise is 5 s, the rest is for the query. */
const ACCEPTED_FOR_MS = 3_000;
const REFUSED_FOR_MS = 1_000;
const CACHED_KEYS = 10_000;

/** Expiry is judged by the database's clock, which all processes share. */
const FIND_KEY = `
  SELECT salt, hash, scopes, (extract(epoch FROM expires_at - now()) * 1000)::float8 AS remaining
    FROM shared.api_keys
   WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`;

interface KeyRow extends HashedSecret {
  scopes: Scope[];
  remaining: number | null;
  [column: string]: unknown;
}

/** Compared with when there is no such key, so that an unknown id takes the time of a wrong secret. */
const NO_KEY = hashSecret('');

/**
 * `AUTH_MODE=api-key`. The id of a key claims a tenant; the look-up runs in that tenant's scope, where
 * row-level security shows the keys of no other, and only the secret makes the claim true.
 */
export class ApiKeyAuthenticator extends Authenticator {
  /** By the digest of the whole key: no secret is kept. */
  readonly #checked = new ShortLivedCache<Identity | undefined>(CACHED_KEYS);

  constructor(
    private readonly database: Pick<Database, 'query'>,
    private readonly tenants: TenantContext,
  ) {
    super();
  }

  async authenticate(request: CredentialCarrier): Promise<Identity> {
    const token = bearerToken(request);
    const key = token === undefined ? undefined : parseApiKey(token);
    if (token === undefined || !key) throw new UnauthenticatedError();
    const digest = createHash('sha256').update(token).digest('base64');
    const identity = await this.#checked.get(digest, () => this.#check(key));
    if (!identity) throw new UnauthenticatedError();
    return identity;
  }

  async #check({ tenantId, keyId, secret }: ApiKey): Promise<ShortLived<Identity | undefined>> {
    const [row] = await this.tenants.run(tenantId, () =>
      this.database.query<KeyRow>(FIND_KEY, [tenantId, keyId]),
    );
    const matches = isSecret(secret, row ?? NO_KEY);
    if (!row || !matches) return { value: undefined, forMs: REFUSED_FOR_MS };
    const identity = { tenantId, actor: keyId, scopes: new Set(row.scopes) };
    return { value: identity, forMs: Math.min(ACCEPTED_FOR_MS, row.remaining ?? Infinity) };
  }
}
