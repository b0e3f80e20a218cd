import type { Problem } from './problem.js';

/** The one path whose clients speak JSON-RPC 2.0, so that they are refused in it too. */
export const JSON_RPC_PATH = '/mcp';

/** Codes of JSON-RPC 2.0. */
export const PARSE_ERROR = -32_700;
export const INVALID_REQUEST = -32_600;
export const METHOD_NOT_FOUND = -32_601;
/** Of the range that is left to implementations: the request was refused, and `data.code` says why. */
export const REFUSED = -32_000;

export type JsonRpcId = string | number | null;

export interface JsonRpcError {
  readonly jsonrpc: '2.0';
  readonly id: JsonRpcId;
  readonly error: { readonly code: number; readonly message: string; readonly data?: object };
}

export function jsonRpcError(id: JsonRpcId, code: number, message: string, data?: object): JsonRpcError {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data && { data }) } };
}

/** The id of a request, of whatever was sent; null when it has none. */
export function idOf(message: unknown): JsonRpcId {
  const { id } = (message ?? {}) as { id?: unknown };
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}

/** A problem of the HTTP layer, found before the message was looked at, so without an id. */
export function jsonRpcProblem({ type: _type, title: _title, detail, ...data }: Problem): JsonRpcError {
  const { status, code } = data;
  const number = code === 'malformed_request' ? PARSE_ERROR : status === 400 ? INVALID_REQUEST : REFUSED;
  return jsonRpcError(null, number, detail, data);
}
