import type { CredentialCarrier } from './authenticator.js';

/** `token68` of RFC 9110; the scheme's name is case-insensitive, and one or more spaces follow it. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
/** Longer than any key or sensible token; Node bounds all headers together at 16 KiB. */
const LONGEST = 8_192;

/**
 * The token of `Authorization: Bearer <token>`. Of two such headers Node keeps the first and a proxy may
 * have checked the second, so a request with two carries none.
 */
export function bearerToken({ headers, raw }: CredentialCarrier): string | undefined {
  const { authorization } = headers;
  if (typeof authorization !== 'string' || authorization.length > LONGEST) return undefined;
  const given = raw?.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization');
  if (given && given.length > 1) return undefined;
  return BEARER.exec(authorization)?.[1];
}
