import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTVerifyGetKey,
} from 'jose';
import { IdentityProviderUnavailableError } from '../errors.js';

const KEYS_KEPT_FOR_MS = 600_000;
/** An unknown key id makes the set be fetched again, but not more often than this. */
const COOLDOWN_MS = 30_000;
const FETCH_TIMEOUT_MS = 5_000;
/** Less than the `Retry-After` of the answer, so that whoever heeds it finds a new attempt. */
const RETRY_AFTER_MS = 3_000;

/**
 * The keys published at an address, as `jwtVerify` takes them. What goes wrong while fetching is told apart
 * from what is wrong with a token, which is thrown as it is.
 * @throws IdentityProviderUnavailableError when the set is needed and cannot be read
 */
export function keysAt(url: URL): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(url, {
    cacheMaxAge: KEYS_KEPT_FOR_MS,
    cooldownDuration: COOLDOWN_MS,
    timeoutDuration: FETCH_TIMEOUT_MS,
    [customFetch]: spacedFetch(),
  });
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      const ofToken =
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys ||
        error instanceof errors.JOSENotSupported;
      throw ofToken ? error : new IdentityProviderUnavailableError({ cause: error });
    }
  };
}

/**
 * Fetches JSON, and refuses to for a while after each attempt. `jose` shares an attempt among callers at
 * once and has a cooldown after one that succeeded; after one that failed it would try for every token.
 */
function spacedFetch(): FetchImplementation {
  let notBefore = 0;
  return async (url, request) => {
    if (performance.now() < notBefore) throw new Error('The key set could not be read a moment ago.');
    try {
      const response = await fetch(url, request);
      if (response.status !== 200) throw new Error(`The key set was answered with ${response.status}.`);
      return Response.json(await response.json());
    } finally {
      notBefore = performance.now() + RETRY_AFTER_MS;
    }
  };
}
