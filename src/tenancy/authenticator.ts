/** What a credential allows: `read` what is stored, `write` it; `admin` is both and more. */
export type Scope = 'read' | 'write' | 'admin';
export const SCOPES: readonly Scope[] = ['read', 'write', 'admin'];

/** Who is asking, as read off a credential that was checked. */
export interface Identity {
  readonly tenantId: string;
  /** Who acts for the tenant: the id of an API key, the `sub` of a token, or `dev`. */
  readonly actor: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** The part of a request that a credential is read from, of Fastify or of Node itself. */
export interface CredentialCarrier {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Node's own request, when `headers` belongs to a framework's. */
  readonly raw?: { readonly rawHeaders: readonly string[] };
}

/** The port behind which `AUTH_MODE` chooses a driver; its token and its type share this name. */
export abstract class Authenticator {
  /**
   * Checks the credential of a request.
   * @throws UnauthenticatedError when there is none or it is not acceptable, whatever is wrong with it
   * @throws TenantRequiredError, InvalidTenantError in development mode, where a header is all there is
   */
  abstract authenticate(request: CredentialCarrier): Promise<Identity>;
}
