import { jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { TriptychOptions } from '../config/options.js';
import { IdentityProviderUnavailableError, StartupError, UnauthenticatedError } from '../errors.js';
import { Authenticator, SCOPES, type CredentialCarrier, type Identity, type Scope } from './authenticator.js';
import { bearerToken } from './bearer-token.js';
import { keysAt } from './remote-key-set.js';
import { isTenantId } from './tenant-context.js';

const CLOCK_TOLERANCE_S = 5;
const LONGEST_ACTOR = 256;

/**
 * `AUTH_MODE=jwt`: a signed token of the issuer (RFC 7519), checked with the issuer's published keys. When
 * those cannot be read, a token is neither good nor bad: the answer is 503, and nobody gets in.
 */
export class JwtAuthenticator extends Authenticator {
  readonly #keys: JWTVerifyGetKey;
  readonly #rules;
  readonly #tenantClaim: string;

  /** @throws StartupError without issuer, audience or address of the keys; the settings require all three */
  constructor({ issuer, audience, jwksUrl, algorithms, tenantClaim }: TriptychOptions['jwt']) {
    super();
    if (!issuer || !audience || !jwksUrl)
      throw new StartupError('AUTH_MODE=jwt needs JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL.');
    this.#keys = keysAt(new URL(jwksUrl));
    this.#rules = {
      issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['exp', 'sub'],
    };
    this.#tenantClaim = tenantClaim;
  }

  async authenticate(request: CredentialCarrier): Promise<Identity> {
    const token = bearerToken(request);
    if (token === undefined) throw new UnauthenticatedError();
    const claims = await this.#verify(token);
    const tenantId = Object.hasOwn(claims, this.#tenantClaim) ? claims[this.#tenantClaim] : undefined;
    const { sub: actor } = claims;
    if (!isTenantId(tenantId) || !isActor(actor)) throw new UnauthenticatedError();
    return { tenantId, actor, scopes: scopesOf(claims) };
  }

  async #verify(token: string): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, this.#keys, this.#rules)).payload;
    } catch (error) {
      if (error instanceof IdentityProviderUnavailableError) throw error;
      throw new UnauthenticatedError();
    }
  }
}

/** Bounded and printable: an actor ends up in logs. */
function isActor(sub: unknown): sub is string {
  return typeof sub === 'string' && sub.length <= LONGEST_ACTOR && /^[^\p{C}]+$/u.test(sub);
}

/** `scope` (RFC 8693, words in a text) or `scp` (a text or a list); a token with neither reads and writes. */
function scopesOf({ scope, scp }: JWTPayload): ReadonlySet<Scope> {
  // A claim that is null is there, and names nothing.
  const claim = scope === undefined ? scp : scope;
  if (claim === undefined) return new Set<Scope>(['read', 'write']);
  const words: unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return new Set(SCOPES.filter((known) => words.includes(known)));
}
