import { requireStorable, requireText } from '../database/storable.js';
import { InvalidInputError } from '../errors.js';
import { instantOf } from '../recall/instant.js';
import { RECALL_MODES } from '../recall/rank.js';
import type { MemorySource } from './memory-entry.entity.js';

export const MAX_CONTENT = 100_000;
export const MAX_AGENT_ID = 256;
export const MAX_BATCH = 1_000;
/** As JSON text, in UTF-16 units. */
export const MAX_METADATA = 65_536;
/** Of the texts in `source`, in UTF-16 units, as of thread ids: they stand in indexes, whose rows end at 2,704 bytes. */
export const MAX_LABEL = 256;

const FIELDS: ReadonlySet<string> = new Set(['agentId', 'content', 'metadata', 'source']);
const CHANGEABLE: ReadonlySet<string> = new Set(['content', 'metadata', 'source', 'retracted']);

/** What a caller stores. */
export interface NewMemory {
  agentId: string;
  content: string;
  metadata?: Record<string, unknown>;
  source?: MemorySource | null;
}

/** What a caller may change; what is left out stays. */
export interface MemoryChange extends Partial<Pick<NewMemory, 'content' | 'metadata' | 'source'>> {
  /** True takes it out of recall without deleting it, false brings it back. */
  retracted?: boolean;
}

/** @throws InvalidInputError that names the field */
export function validateNewMemory(memory: NewMemory, at = ''): void {
  requireObject(memory, at.replace(/\.$/, '') || 'memory');
  requireKnownFields(memory, FIELDS, at);
  requireText(memory.agentId, `${at}agentId`, MAX_AGENT_ID);
  validateContent(memory.content, `${at}content`);
  validateDetails(memory, at);
}

/** @throws InvalidInputError that names the field */
export function validateChange(change: MemoryChange): void {
  requireObject(change, 'change');
  requireKnownFields(change, CHANGEABLE);
  if (change.content !== undefined) validateContent(change.content, 'content');
  if (change.retracted !== undefined && typeof change.retracted !== 'boolean')
    throw new InvalidInputError([{ field: 'retracted', message: 'must be true or false' }]);
  validateDetails(change, '');
}

/** What is misspelt would be lost without a word. */
function requireKnownFields(given: object, known: ReadonlySet<string>, at = ''): void {
  const unknown = Object.entries(given).find(([key, value]) => !known.has(key) && value !== undefined);
  if (!unknown) return;
  const message = known === FIELDS ? 'is not a field of a memory' : 'is no field that can be changed';
  throw new InvalidInputError([{ field: `${at}${unknown[0]}`, message }]);
}

/** A search needs words, or something else that can be seen. */
export function validateContent(content: unknown, field: string): void {
  requireText(content, field, MAX_CONTENT);
  if (content.trim() === '') throw new InvalidInputError([{ field, message: 'must not be blank' }]);
}

function validateDetails({ metadata, source }: MemoryChange, at: string): void {
  if (metadata !== undefined) {
    requireObject(metadata, `${at}metadata`);
    requireStorable(metadata, `${at}metadata`);
    if (JSON.stringify(metadata).length > MAX_METADATA)
      throw new InvalidInputError([
        { field: `${at}metadata`, message: `must have at most ${MAX_METADATA} characters as JSON` },
      ]);
  }
  if (source !== undefined && source !== null) validateSource(source, `${at}source`);
}

function validateSource(source: MemorySource, at: string): void {
  requireObject(source, at);
  for (const [key, value] of Object.entries(source)) {
    const field = `${at}.${key}`;
    if (value === undefined) continue;
    if (key === 'seq') {
      if (!Number.isSafeInteger(value) || (value as number) < 0)
        throw new InvalidInputError([{ field, message: 'must be a whole number from 0' }]);
    } else if (key === 'threadId' || key === 'speaker' || key === 'role')
      requireText(value, field, MAX_LABEL);
    else if (key === 'occurredAt') requireMoment(value, field);
    else throw new InvalidInputError([{ field, message: 'is not a field of source' }]);
  }
}

/** @throws InvalidInputError when it is none of the modes */
export function requireMode(mode: unknown): void {
  if (!RECALL_MODES.some((known) => known === mode))
    throw new InvalidInputError([{ field: 'mode', message: `must be one of ${RECALL_MODES.join(', ')}` }]);
}

/**
 * The moment for which somebody asks what was known.
 * @throws InvalidInputError
 */
export function requireAsOf(value: unknown): Date {
  return new Date(requireMoment(value, 'asOf'));
}

function requireMoment(value: unknown, field: string): string {
  const instant = typeof value === 'string' ? instantOf(value) : undefined;
  if (instant === undefined)
    throw new InvalidInputError([{ field, message: 'must be a date or time in ISO 8601' }]);
  return instant;
}

function requireObject(value: unknown, field: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidInputError([{ field, message: 'must be an object' }]);
}
