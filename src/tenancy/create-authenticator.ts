import type { TriptychOptions } from '../config/options.js';
import type { Database } from '../database/database.js';
import { ApiKeyAuthenticator } from './api-key-authenticator.js';
import { type Authenticator } from './authenticator.js';
import { DevAuthenticator } from './dev-authenticator.js';
import { JwtAuthenticator } from './jwt-authenticator.js';
import type { TenantContext } from './tenant-context.js';

/** The driver that `AUTH_MODE` names. */
export function createAuthenticator(
  { auth, jwt }: TriptychOptions,
  database: Database,
  tenants: TenantContext,
): Authenticator {
  switch (auth.mode) {
    case 'dev':
      return new DevAuthenticator();
    case 'api-key':
      return new ApiKeyAuthenticator(database, tenants);
    case 'jwt':
      return new JwtAuthenticator(jwt);
  }
}
