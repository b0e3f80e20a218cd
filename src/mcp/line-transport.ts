import {
  isJSONRPCRequest,
  parseJSONRPCMessage,
  type JSONRPCMessage,
  type Transport,
} from '@modelcontextprotocol/server';
import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { parseJson } from '../database/parse-json.js';
import { InvalidInputError } from '../errors.js';
import { requireExact } from '../http/exact-json.js';
import { idOf, INVALID_REQUEST, jsonRpcError, PARSE_ERROR, REFUSED } from '../http/json-rpc.js';

const NEWLINE = 10;
/** How long requests that are under way when the input ends may still be answered. */
const LAST_ANSWERS_MS = 5_000;

/**
 * MCP's stdio binding: one JSON-RPC message a line. In place of the SDK's, since that one answers no line that is not
 * JSON, lets numbers through that JSON.parse alters, and leaves requests unanswered that are under way when the input
 * ends, so that nothing could be piped into it.
 */
export class LineTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  /** Resolves when nothing more is read or written. */
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => undefined;
  #isClosed = false;
  #hasEnded = false;
  #parts: Buffer[] = [];
  #length = 0;
  readonly #pending = new Set<string | number>();

  /** @param maxBytes of one line */
  constructor(
    private readonly input: Readable,
    private readonly output: NodeJS.WritableStream,
    private readonly maxBytes: number,
  ) {
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  start(): Promise<void> {
    this.input.on('data', this.#read);
    this.input.on('end', this.#end);
    this.input.on('error', this.#end);
    // Whoever read the answers is gone.
    this.output.on('error', this.#fail);
    if (this.input.readableEnded || this.input.destroyed) this.#end();
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.output.write(`${JSON.stringify(message)}\n`, () => {
        if (!('method' in message) && message.id !== undefined) this.#answered(message.id);
        resolve();
      });
    });
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    this.input.off('data', this.#read).off('end', this.#end);
    this.input.pause();
    this.#parts = [];
    this.onclose?.();
    this.#resolveClosed();
    return Promise.resolve();
  }

  readonly #fail = (): void => void this.close();

  readonly #end = (): void => {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#take(Buffer.alloc(0));
    if (this.#pending.size === 0) void this.close();
    else setTimeout(() => void this.close(), LAST_ANSWERS_MS).unref();
  };

  readonly #read = (chunk: Buffer | string): void => {
    let bytes = Buffer.from(chunk as string);
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE)) {
      this.#take(bytes.subarray(0, at));
      bytes = bytes.subarray(at + 1);
    }
    this.#keep(bytes);
  };

  /** Of a line that is too long, its length alone is kept. */
  #keep(bytes: Buffer): void {
    this.#length += bytes.length;
    if (this.#length > this.maxBytes) this.#parts = [];
    else if (bytes.length > 0) this.#parts.push(bytes);
  }

  /** The line ends with these bytes. */
  #take(bytes: Buffer): void {
    this.#keep(bytes);
    const [line, length] = [Buffer.concat(this.#parts), this.#length];
    [this.#parts, this.#length] = [[], 0];
    if (length > this.maxBytes)
      this.#refuse(undefined, REFUSED, `A message has at most ${this.maxBytes} bytes, not ${length}.`);
    else if (line.toString('latin1').trim() !== '') this.#receive(line);
  }

  #receive(line: Buffer): void {
    let message: unknown;
    try {
      if (!isUtf8(line)) throw new SyntaxError('not UTF-8');
      message = parseJson(line.toString());
    } catch {
      this.#refuse(undefined, PARSE_ERROR, 'The line is not JSON in UTF-8.');
      return;
    }
    try {
      requireExact(line.toString(), message);
      parseJSONRPCMessage(message);
    } catch (error) {
      const reason =
        error instanceof InvalidInputError ? error.message : 'The line is not one JSON-RPC 2.0 message.';
      this.#refuse(message, INVALID_REQUEST, reason);
      return;
    }
    const known = message as JSONRPCMessage;
    if (isJSONRPCRequest(known)) this.#pending.add(known.id);
    this.onmessage?.(known);
    // Nobody answers what was called off.
    const { method, params } = known as { method?: string; params?: { requestId?: string | number } };
    if (method === 'notifications/cancelled' && params?.requestId !== undefined)
      this.#answered(params.requestId);
  }

  #refuse(message: unknown, code: number, reason: string): void {
    void this.send(jsonRpcError(idOf(message), code, reason) as unknown as JSONRPCMessage);
  }

  #answered(id: string | number): void {
    this.#pending.delete(id);
    if (this.#hasEnded && this.#pending.size === 0) void this.close();
  }
}
