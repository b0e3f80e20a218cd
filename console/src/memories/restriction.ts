/** Which memories are shown. */
export interface Restriction {
  /** Searched for; empty: the list of all, newest first. */
  readonly query: string;
  /** Of this agent alone; empty: of any. */
  readonly agentId: string;
  /** Of a search: by both channels or one. */
  readonly mode: 'hybrid' | 'semantic' | 'lexical';
  /** Of the list: by whether a memory has its vectors; empty: whatever that is. */
  readonly embeddingStatus: '' | 'ready' | 'pending' | 'parked';
}

export const NO_RESTRICTION: Restriction = { query: '', agentId: '', mode: 'hybrid', embeddingStatus: '' };
