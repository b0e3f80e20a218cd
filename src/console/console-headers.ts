/** What the page may do: run and show what this service serves, ask this service, and nothing else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** On every answer under `/console`. */
export const CONSOLE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  // An address of the console holds ids of threads and memories.
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

/** The name of an asset holds a hash of what is in it, so it never changes. */
export const CACHED_FOR_EVER = 'public, max-age=31536000, immutable';
/** Names the assets of today, so it is asked for each time. */
export const ASKED_FOR_AGAIN = 'no-cache';
