import {
  createMcpHandler,
  isLegacyRequest,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { Logger } from '@nestjs/common';
import { idOf, INVALID_REQUEST, jsonRpcError, METHOD_NOT_FOUND } from '../http/json-rpc.js';
import { createMcpServer } from './mcp-server.js';
import type { McpCaller, McpServices } from './tool.js';

/** A request as the HTTP server has read and admitted it. */
export interface McpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed JSON. */
  readonly body: unknown;
}

export interface McpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or nothing for what needs no answer. */
  readonly text: string;
}

const logger = new Logger('Mcp');
const JSON_HEADERS = { 'content-type': 'application/json' };

/**
 * Streamable HTTP without a session: each POST has a server of its own, which keeps nothing, so any replica answers any
 * request. Revisions of the protocol before 2026-07-28, with their handshake, are served as well as that one. The
 * answer is one JSON document, and is there when this resolves: everything happens in the caller's scope and turn.
 */
export async function answerMcp(
  request: McpRequest,
  services: McpServices,
  caller: McpCaller,
): Promise<McpAnswer> {
  const { body } = request;
  const id = idOf(body);
  if (Array.isArray(body))
    return refusal(400, id, INVALID_REQUEST, 'Batches are not accepted: send one message a request.');
  // A stream that stays open would be a session: there is nothing here that anybody could be told of.
  if ((body as { method?: unknown } | null)?.method === 'subscriptions/listen')
    return refusal(404, id, METHOD_NOT_FOUND, 'Method not found');
  const asWeb = webRequest(request);
  const answer = (await isLegacyRequest(asWeb, body)) ? answerLegacy : answerModern;
  return answer(asWeb, body, services, caller);
}

async function answerLegacy(
  request: Request,
  parsedBody: unknown,
  services: McpServices,
  caller: McpCaller,
): Promise<McpAnswer> {
  const server = createMcpServer(services, caller);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  try {
    return await answerOf(await transport.handleRequest(request, { parsedBody }));
  } finally {
    await server.close();
  }
}

async function answerModern(
  request: Request,
  parsedBody: unknown,
  services: McpServices,
  caller: McpCaller,
): Promise<McpAnswer> {
  const handler = createMcpHandler(() => createMcpServer(services, caller), {
    legacy: 'reject',
    onerror: ({ message }) => {
      logger.debug({ event: 'mcp_request_refused', message });
    },
  });
  try {
    return await answerOf(await handler.fetch(request, { parsedBody }));
  } finally {
    await handler.close();
  }
}

function webRequest({ url, headers }: McpRequest): Request {
  const copied = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !name.startsWith(':')) copied.set(name, String(value));
  // The body was read already; only its parsed form is looked at.
  return new Request(new URL(url, 'http://127.0.0.1'), { method: 'POST', headers: copied });
}

async function answerOf(response: Response): Promise<McpAnswer> {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
}

function refusal(status: number, id: ReturnType<typeof idOf>, code: number, message: string): McpAnswer {
  return { status, headers: JSON_HEADERS, text: JSON.stringify(jsonRpcError(id, code, message)) };
}
