/** What a request is sent with: a tenant's name in development mode, else an API key or a JWT. */
export type Credential =
  | { readonly kind: 'tenant'; readonly tenantId: string }
  | { readonly kind: 'bearer'; readonly token: string };

const STORED_AT = 'triptych.credential';

/** Kept for this tab alone, until it is closed or somebody signs out. */
export function storedCredential(): Credential | undefined {
  try {
    const value = JSON.parse(sessionStorage.getItem(STORED_AT) ?? 'null') as Partial<
      Record<'kind' | 'tenantId' | 'token', unknown>
    > | null;
    if (value?.kind === 'tenant' && typeof value.tenantId === 'string')
      return { kind: 'tenant', tenantId: value.tenantId };
    if (value?.kind === 'bearer' && typeof value.token === 'string')
      return { kind: 'bearer', token: value.token };
  } catch {
    // What is stored is not ours: nobody is signed in.
  }
  return undefined;
}

export function storeCredential(credential: Credential): void {
  sessionStorage.setItem(STORED_AT, JSON.stringify(credential));
}

export function forgetCredential(): void {
  sessionStorage.removeItem(STORED_AT);
}

/** Whom it stands for, to be shown: the tenant, or what of a token is no secret. */
export function nameOfCredential(credential: Credential): string {
  if (credential.kind === 'tenant') return credential.tenantId;
  return tenantOfApiKey(credential.token) ?? nameInToken(credential.token) ?? 'signed in';
}

/** Whether both are surely of one tenant, so that what was typed under one may be sent with the other. */
export function isOfSameTenant(one: Credential, other: Credential): boolean {
  if (one.kind === 'tenant' || other.kind === 'tenant')
    return one.kind === other.kind && nameOfCredential(one) === nameOfCredential(other);
  const [tenant, otherTenant] = [tenantOfApiKey(one.token), tenantOfApiKey(other.token)];
  if (tenant !== undefined || otherTenant !== undefined) return tenant === otherTenant;
  return lastingClaims(one.token) !== undefined && lastingClaims(one.token) === lastingClaims(other.token);
}

/** `triptych_<tenant>.<12 characters>_<46 characters>`: all after the tenant is of fixed length. */
function tenantOfApiKey(token: string): string | undefined {
  return /^triptych_([A-Za-z0-9][A-Za-z0-9._-]{0,127})\.[0-9A-Za-z]{12}_[0-9A-Za-z]{46}$/.exec(token)?.[1];
}

/** Which claim names the tenant is the service's setting, so all that outlast one token must be the same. */
function lastingClaims(token: string): string | undefined {
  const claims = claimsOf(token);
  if (!claims) return undefined;
  const lasting = Object.entries(claims).filter(
    ([name]) => !['iat', 'exp', 'nbf', 'jti', 'auth_time'].includes(name),
  );
  return JSON.stringify(lasting.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function nameInToken(token: string): string | undefined {
  const { tenant_id: tenant, sub } = claimsOf(token) ?? {};
  return [tenant, sub].find((name): name is string => typeof name === 'string');
}

function claimsOf(token: string): Record<string, unknown> | undefined {
  try {
    const payload = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(payload, (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
