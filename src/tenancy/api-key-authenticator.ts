import type { Database } from '../database/database.js';
import { UnauthenticatedError } from '../errors.js';
import { hashSecret, IN_FORCE, isSecret, parseApiKey, type ApiKey, type HashedSecret } from './api-key.js';
import { Authenticator, type CredentialCarrier, type Identity, type Scope } from './authenticator.js';
import { bearerToken } from './bearer-token.js';
import { ShortLivedCache, type ShortLived } from './short-lived-cache.js';
import type { TenantContext } from './tenant-context.js';
import { UnprovenLookups } from './unproven-lookups.js';

/** A revoked key works this long at most, in every process; the promise is 5 s, the rest is for the query. */
const BELIEVED_FOR_MS = 3_000;
const MISSED_FOR_MS = 1_000;
const CACHED_KEYS = 10_000;

const FIND_KEY = `
  SELECT salt, hash, scopes, (extract(epoch FROM least(expires_at, revoked_at) - now()) * 1000)::float8 AS remaining
    FROM shared.api_keys
   WHERE tenant_id = $1 AND key_id = $2 AND ${IN_FORCE}`;

interface KeyRow extends HashedSecret {
  scopes: Scope[];
  remaining: number | null;
  [column: string]: unknown;
}

/** A key in force: what proves it, and whom it stands for. */
interface KnownKey {
  readonly stored: HashedSecret;
  readonly identity: Identity;
}

/** Compared with when there is no such key, so that an unknown id takes the time of a wrong secret. */
const NO_KEY = hashSecret('');

/**
 * `AUTH_MODE=api-key`. The id of a key claims a tenant; the look-up runs in that tenant's scope, where
 * row-level security shows the keys of no other, and only the secret makes the claim true. Guesses cost the
 * database little: a wrong form costs it nothing, an id, whatever the secrets that come with it, one look-up
 * until that is forgotten, and ids without end are bounded by {@link UnprovenLookups}.
 */
export class ApiKeyAuthenticator extends Authenticator {
  /** By key id; no secret is kept. */
  readonly #keys = new ShortLivedCache<KnownKey | undefined>(CACHED_KEYS);
  /** Ids whose secret was shown here, in the order of use: whatever others guess, these are looked up. */
  readonly #proven = new Set<string>();
  readonly #unproven = new UnprovenLookups();

  constructor(
    private readonly database: Pick<Database, 'query'>,
    private readonly tenants: TenantContext,
  ) {
    super();
  }

  /** @throws UnauthenticatedError; TooManyUnknownKeysError when the key cannot be looked up for that reason */
  async authenticate(request: CredentialCarrier): Promise<Identity> {
    const token = bearerToken(request);
    const key = token === undefined ? undefined : parseApiKey(token);
    if (!key) throw new UnauthenticatedError();
    const known = await this.#keys.get(key.keyId, () => this.#find(key));
    const matches = isSecret(key.secret, known?.stored ?? NO_KEY);
    if (!known || !matches) throw new UnauthenticatedError();
    this.#remember(key.keyId);
    return known.identity;
  }

  async #find(key: ApiKey): Promise<ShortLived<KnownKey | undefined>> {
    const { tenantId, keyId } = key;
    const row = this.#proven.has(keyId)
      ? await this.#lookUp(key)
      : await this.#unproven.find(() => this.#lookUp(key));
    if (!row) {
      this.#proven.delete(keyId);
      return { value: undefined, forMs: MISSED_FOR_MS };
    }
    const { salt, hash, scopes, remaining } = row;
    return {
      value: { stored: { salt, hash }, identity: { tenantId, actor: keyId, scopes: new Set(scopes) } },
      forMs: Math.min(BELIEVED_FOR_MS, remaining ?? Infinity),
    };
  }

  async #lookUp({ tenantId, keyId }: ApiKey): Promise<KeyRow | undefined> {
    const [row] = await this.tenants.run(tenantId, () =>
      this.database.query<KeyRow>(FIND_KEY, [tenantId, keyId]),
    );
    return row;
  }

  #remember(keyId: string): void {
    this.#proven.delete(keyId);
    this.#proven.add(keyId);
    const [oldest] = this.#proven;
    if (this.#proven.size > CACHED_KEYS && oldest !== undefined) this.#proven.delete(oldest);
  }
}
