import { InvalidArgumentError } from 'commander';
import type { StoreMemoryRequest } from 'triptych-client';
import { objectsOf } from './json-lines.js';

/** What the service knows of a new memory; more, as in an answer of it, is left out. */
const FIELDS = ['agentId', 'content', 'metadata', 'source'] as const;

/**
 * Reads memories: a JSON list, an object with such a list as `memories`, or lines of JSON.
 * @param defaults of those that say nothing
 * @throws UsageError when it is none of these, or holds no memory
 */
export function memoriesOf(text: string, defaults: Partial<StoreMemoryRequest>): StoreMemoryRequest[] {
  return objectsOf(text, 'memories').map((memory) => {
    const known = FIELDS.filter((field) => memory[field] !== undefined && memory[field] !== null);
    return {
      ...defaults,
      ...Object.fromEntries(known.map((field) => [field, memory[field]])),
    } as StoreMemoryRequest;
  });
}

/** Reads an option that is a JSON object. */
export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new InvalidArgumentError('It must be a JSON object.');
}
