import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { InvalidInputError } from '../errors.js';

/** Deeper than any value that is accepted, and far from what recursion can take. */
const MAX_DEPTH = 64;

/**
 * SHA-256 of what a request asks for: method, route, parameters of the path and body. Spellings that mean the
 * same have the same hash: the order of fields, white space, percent-encoding of the path.
 * @throws InvalidInputError when the body is nested too deeply to be accepted anywhere
 */
export function requestHash({ method, routeOptions, params, body }: FastifyRequest): Buffer {
  const asked = [method, routeOptions.url, params, body];
  return createHash('sha256').update(canonicalJson(asked)).digest();
}

/** JSON with the keys of each object in one order. */
function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH)
    throw new InvalidInputError([{ field: 'body', message: `is nested more than ${MAX_DEPTH} levels deep` }]);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item, depth + 1)}`);
  return `{${members.join()}}`;
}
