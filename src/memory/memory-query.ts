import { requireInteger, requireText } from '../database/storable.js';
import type { RecallMode } from '../recall/rank.js';
import type { MemoryFilter } from './memory-filter.js';
import { MAX_AGENT_ID, requireAsOf, requireMode, validateContent } from './memory-input.js';

export const MAX_RESULTS = 1_000;

export interface SearchOptions {
  /** At most this many results; default 10. */
  limit?: number;
  /** Only memories of this agent. */
  agentId?: string;
  /** Only memories that match. */
  filter?: MemoryFilter;
  /** By words and vectors, or by one of them; default `hybrid`. */
  mode?: RecallMode;
  /** Memories as they were at this moment, ISO 8601; deleted ones left no trace. */
  asOf?: string;
}

/** What a search is to find, checked but for the filter, which is when it is compiled. */
export interface MemoryQuery {
  readonly limit: number;
  readonly mode: RecallMode;
  readonly agentId?: string;
  readonly filter?: MemoryFilter;
  /** As memories were at this moment. */
  readonly asOf?: Date;
}

/** @throws InvalidInputError */
export function validateSearch(
  query: string,
  { limit = 10, agentId, filter, mode = 'hybrid', asOf }: SearchOptions,
): MemoryQuery {
  validateContent(query, 'query');
  requireInteger(limit, 'limit', 1, MAX_RESULTS);
  if (agentId !== undefined) requireText(agentId, 'agentId', MAX_AGENT_ID);
  requireMode(mode);
  return {
    limit,
    mode,
    ...(agentId !== undefined && { agentId }),
    ...(filter !== undefined && { filter }),
    ...(asOf !== undefined && { asOf: requireAsOf(asOf) }),
  };
}
