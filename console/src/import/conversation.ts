/** A message as it will be appended: OpenAI's form, checked by the rules of docs/http.md. */
export interface ImportMessage {
  role: string;
  content?: unknown;
  id?: string;
  [field: string]: unknown;
}

/** A message, or a conversation, that cannot be imported. */
export interface Refusal {
  /** Where: `message 3`, `line 17`. */
  at: string;
  why: string;
}

/** Something that stays behind, and how often. */
export interface LeftOut {
  what: string;
  times: number;
}

/** One conversation of a file. */
export interface Conversation {
  /** Where in the file: `conversation 3`, `line 17`. */
  at: string;
  title: string | undefined;
  /** Its id in the place it comes from. */
  sourceId: string | undefined;
  messages: ImportMessage[];
  refused: Refusal[];
  leftOut: LeftOut[];
}

export type ExportFormat = 'openai' | 'jsonl' | 'chatgpt';

/** What was found in a file. */
export interface ChatExport {
  format: ExportFormat;
  conversations: Conversation[];
  /** Parts of the file that are no conversations. */
  refused: Refusal[];
  /** What holds for the whole file. */
  notes: string[];
}

/** A text in which no conversation can be found; the message says what is wrong and where. */
export class UnreadableExport extends Error {
  override readonly name = 'UnreadableExport';
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Counts what is left out by its name. */
export class LeftOutCount {
  readonly #times = new Map<string, number>();

  add(what: string, times = 1): void {
    if (times > 0) this.#times.set(what, (this.#times.get(what) ?? 0) + times);
  }

  get list(): LeftOut[] {
    return [...this.#times].map(([what, times]) => ({ what, times }));
  }
}
