const HEADER = 'idempotency-key';
/** The routes of writes; only those take a key. */
const WRITES = new Set(['POST', 'PATCH', 'DELETE']);

/** Gives a write that has no `Idempotency-Key` one of its own, the same for all attempts of it. */
export function withIdempotencyKey(request: Request): Request {
  if (WRITES.has(request.method) && !request.headers.has(HEADER)) request.headers.set(HEADER, randomKey());
  return request;
}

/** 128 bits by chance. `crypto.randomUUID` is missing on pages that came over plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
