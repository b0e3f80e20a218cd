import {
  isJSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  type JSONRPCMessage,
} from '@modelcontextprotocol/server';
import type { ClientOptions } from '../config/client-options.js';
import { StartupError } from '../errors.js';
import { jsonRpcError, REFUSED } from '../http/json-rpc.js';
import type { LineTransport } from './line-transport.js';

/** Why a service serves nobody, or not this caller: the HTTP status that says so. */
class NotServedError extends Error {
  constructor(
    readonly status: number,
    options?: ErrorOptions,
  ) {
    super(`HTTP ${status}`, options);
  }
}

const UNAVAILABLE = 503;
/** So long a service that takes connections and says nothing is waited for at the start. */
const FIRST_ANSWER_MS = 10_000;
const PING = { jsonrpc: '2.0', id: 0, method: 'ping' } as const;

type Connection = Pick<LineTransport, 'onmessage' | 'onclose' | 'send' | 'start'>;

/**
 * Hands messages on to the `/mcp` of a service, each as a POST of its own, and its answers back. It keeps nothing but
 * the revision of the protocol that the two sides agreed on, so any replica may answer, and a service that was away
 * answers again once it is back.
 */
export class McpBridge {
  readonly #address: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #hasKey: boolean;
  readonly #underWay = new Map<string | number, AbortController>();
  #revision: string | undefined;

  constructor({ url, apiKey, tenantId }: Pick<ClientOptions, 'url' | 'apiKey' | 'tenantId'>) {
    this.#address = `${url}/mcp`;
    this.#hasKey = apiKey !== undefined;
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      ...(tenantId !== undefined && { 'x-tenant-id': tenantId }),
    };
  }

  /**
   * @throws StartupError that says what to do when the service is not there, or does not let the caller in; its cause has
   * the HTTP status of that as `status`
   */
  async check(): Promise<void> {
    let answer: { status: number; body: unknown };
    try {
      answer = await this.#post(PING, AbortSignal.timeout(FIRST_ANSWER_MS));
    } catch (error) {
      throw notServed(this.#absence(error), UNAVAILABLE, error);
    }
    const { status, body } = answer;
    if (status === 200 && hasMember(body, 'result')) return;
    if (status === 401 || status === 403) {
      const remedy = this.#hasKey ? 'unset it and set TRIPTYCH_TENANT' : 'TRIPTYCH_TENANT';
      throw notServed(
        `${this.#address} does not let you in: ${reasonOf(body)} Set TRIPTYCH_API_KEY to a key in force, or, of a service ` +
          `in development mode, ${remedy}.`,
        status,
      );
    }
    if (status === 404)
      throw notServed(
        `${this.#address} is not there. TRIPTYCH_URL must be the address of a Triptych service that has MCP=true.`,
        UNAVAILABLE,
      );
    // What redirects, or answers a ping with something else, is none of ours.
    throw notServed(
      `${this.#address} answered ${status}: ${reasonOf(body)}`,
      status < 400 ? UNAVAILABLE : status,
    );
  }

  /** From now on, what comes over the connection goes to the service. */
  async connect(connection: Connection): Promise<void> {
    connection.onmessage = (message) => void this.#forward(message, connection);
    connection.onclose = () => {
      for (const request of this.#underWay.values()) request.abort();
    };
    await connection.start();
  }

  async #forward(message: JSONRPCMessage, connection: Connection): Promise<void> {
    const id = isJSONRPCRequest(message) ? message.id : undefined;
    const aborting = new AbortController();
    if (id !== undefined) this.#underWay.set(id, aborting);
    else this.#callOff(message);
    try {
      const { status, body } = await this.#post(message, aborting.signal);
      if (id !== undefined) await connection.send(this.#answer(message, id, status, body));
    } catch (error) {
      if (id === undefined || aborting.signal.aborted) return;
      const data = { code: 'service_unreachable' };
      await connection.send(asMessage(jsonRpcError(id, REFUSED, this.#absence(error), data)));
    } finally {
      if (id !== undefined) this.#underWay.delete(id);
    }
  }

  #answer(message: JSONRPCMessage, id: string | number, status: number, body: unknown): JSONRPCMessage {
    if (hasMember(body, 'result')) {
      const { protocolVersion } = body['result'] as { protocolVersion?: unknown };
      const isHandshake = 'method' in message && message.method === 'initialize';
      if (isHandshake && typeof protocolVersion === 'string') this.#revision = protocolVersion;
      return asMessage(body);
    }
    // What was refused before it was read has no id; here it is known whose answer this is.
    if (hasMember(body, 'error')) return asMessage({ ...body, id });
    return asMessage(
      jsonRpcError(id, REFUSED, `${this.#address} answered ${status}, and no JSON-RPC.`, {
        code: 'service_unreachable',
      }),
    );
  }

  /** The service keeps no session, so nobody there knows which request is meant: its connection is closed. */
  #callOff(message: JSONRPCMessage): void {
    const { method, params } = message as { method?: string; params?: { requestId?: string | number } };
    if (method !== 'notifications/cancelled' || params?.requestId === undefined) return;
    this.#underWay.get(params.requestId)?.abort();
  }

  async #post(message: unknown, signal: AbortSignal): Promise<{ status: number; body: unknown }> {
    const response = await fetch(this.#address, {
      method: 'POST',
      headers: { ...this.#headers, ...this.#standardHeaders(message) },
      body: JSON.stringify(message),
      // A credential goes to nobody but the service that was named.
      redirect: 'manual',
      signal,
    });
    const text = await response.text();
    try {
      return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
    } catch {
      return { status: response.status, body: undefined };
    }
  }

  /** What the protocol wants repeated in headers, for whoever stands in between. */
  #standardHeaders(message: unknown): Record<string, string> {
    const { method, params } = message as { method?: string; params?: Record<string, unknown> };
    const meta = params?.['_meta'] as Record<string, unknown> | undefined;
    const claimed = meta?.[PROTOCOL_VERSION_META_KEY];
    if (typeof claimed !== 'string' || method === undefined)
      return this.#revision === undefined ? {} : { 'mcp-protocol-version': this.#revision };
    const name = method === 'resources/read' ? params?.['uri'] : params?.['name'];
    return {
      'mcp-protocol-version': headerValue(claimed),
      'mcp-method': headerValue(method),
      ...(typeof name === 'string' && { 'mcp-name': headerValue(name) }),
    };
  }

  #absence(error: unknown): string {
    const { name, code, message } = causeOf(error);
    const reason =
      name === 'TimeoutError' ? `no answer within ${FIRST_ANSWER_MS / 1_000} s` : (code ?? message);
    return `The service at ${this.#address} cannot be reached (${reason}). Start it, or correct TRIPTYCH_URL.`;
  }
}

function notServed(message: string, status: number, cause?: unknown): StartupError {
  return new StartupError(message, { cause: new NotServedError(status, { cause }) });
}

/** Other than plain ASCII stands in a header as Base64, marked as the protocol says. */
function headerValue(text: string): string {
  const isPlain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?');
  return isPlain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

function hasMember<Name extends string>(body: unknown, name: Name): body is Record<Name, unknown> {
  return typeof body === 'object' && body !== null && name in body;
}

function reasonOf(body: unknown): string {
  const { error, detail } = (body ?? {}) as { error?: { message?: unknown }; detail?: unknown };
  const reason = error?.message ?? detail;
  return typeof reason === 'string' ? reason : 'it did not say why.';
}

/** `fetch` says "fetch failed", and its cause why. */
function causeOf(error: unknown): NodeJS.ErrnoException {
  const { cause } = error as { cause?: unknown };
  return (cause ?? error) as NodeJS.ErrnoException;
}

function asMessage(value: unknown): JSONRPCMessage {
  return value as JSONRPCMessage;
}
