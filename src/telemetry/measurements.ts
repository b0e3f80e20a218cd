/** What the tiers tell of, by its name. Times in milliseconds. Nothing here is content, or an id of anything. */
export interface Measurements {
  compile: CompileMeasurement;
  recall: RecallMeasurement;
  embedding: EmbeddingMeasurement;
  connection: ConnectionMeasurement;
  receiptsLeftOut: { readonly reason: string; readonly receipts: number };
}

/** One working context that was compiled. */
export interface CompileMeasurement {
  readonly ms: number;
  /** One of the settings. */
  readonly tier: string;
  readonly sections: readonly { readonly section: string; readonly cap: number; readonly used: number }[];
  readonly items: readonly { readonly tier: string; readonly decision: string; readonly reason: string }[];
  /** Older messages that were not even read. */
  readonly unread: number;
  /** Codes. */
  readonly degraded: readonly string[];
  /** Of the prompt before it for the thread, 0 to 1; absent where none is known. */
  readonly sharedPrefix?: number | undefined;
}

/** One search of memories, or of the messages of a thread. */
export interface RecallMeasurement {
  readonly ms: number;
  readonly mode: string;
  /** That were ranked. */
  readonly candidates: number;
  readonly exhaustive: boolean;
  /** Codes. */
  readonly degraded: readonly string[];
}

/** One request to the server of embeddings, or one that was not made. */
export interface EmbeddingMeasurement {
  readonly ms: number;
  readonly kind: string;
  readonly outcome: string;
  readonly texts: number;
}

/**
 * One borrowing of a connection. `lent`: after the time `ms` · `timeout`: all were at work for others · `unavailable`: none
 * could be opened · `lost`: one that nobody used broke.
 */
export interface ConnectionMeasurement {
  readonly ms: number;
  readonly outcome: 'lent' | 'timeout' | 'unavailable' | 'lost';
}
