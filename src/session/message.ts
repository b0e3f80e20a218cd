/**
 * A message in the form of the OpenAI chat-completions API, passed on unchanged: fields that Triptych
 * does not know are kept as they came.
 */
export interface Message {
  role: MessageRole;
  content?: string | ContentPart[] | null;
  name?: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
  [field: string]: unknown;
}

export const MESSAGE_ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const;
export type MessageRole = (typeof MESSAGE_ROLES)[number];

/** One part of a multi-part content: `{type:'text', text}`, `{type:'image_url', image_url:{url}}`, … */
export interface ContentPart {
  type: string;
  [field: string]: unknown;
}

export interface ToolCall {
  id: string;
  type: string;
  function?: { name: string; arguments: string; [field: string]: unknown };
  [field: string]: unknown;
}

/** A message as the session tier keeps it. */
export interface StoredMessage extends Message {
  /** The caller's id, or a UUIDv7. Unique in the thread: a message written again under its id replaces it. */
  id: string;
  /** Place in the thread: 1, 2, 3 … */
  seq: number;
  /** Tokens of the whole message, its overhead included, counted once when it was written. */
  tokens: number;
  /** ISO 8601, UTC. */
  createdAt: string;
}
