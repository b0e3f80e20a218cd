import type { IncomingMessage, ServerResponse } from 'node:http';

/** What any server of JSON can do wrong, before it has looked at what is asked of it. */
export type HttpFault =
  | { readonly status: number; readonly retryAfter?: string }
  | { readonly delayMs: number }
  /** Answers once this is settled. */
  | { readonly until: Promise<unknown> }
  /** An answer that comes a byte at a time, so many milliseconds apart, and never ends. */
  | { readonly dripMs: number }
  | { readonly redirectTo: string }
  | 'hang'
  | 'reset'
  | 'broken-json'
  | 'html'
  | 'garbage'
  | 'endless';

/** True when the fault has dealt with the request, or leaves it without an answer. */
export async function failsBeforeAnswering(
  fault: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (typeof fault === 'object' && fault !== null) {
    if ('delayMs' in fault) {
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs as number).unref());
      return false;
    }
    if ('until' in fault) {
      await fault.until;
      return false;
    }
    if ('dripMs' in fault) {
      drip(response, fault.dripMs as number);
      return true;
    }
    return refuses(fault, request, response);
  }
  switch (fault) {
    case 'hang':
      return true;
    case 'reset':
      request.socket.resetAndDestroy();
      return true;
    case 'broken-json':
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[{"ind');
      return true;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>');
      return true;
    case 'garbage':
      // The length of a chunk is announced, and what comes is none.
      request.socket.end(
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\u0000\u0001{"data":[]}',
      );
      return true;
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json' });
      writeForEver(response);
      return true;
    default:
      return false;
  }
}

function refuses(fault: object, request: IncomingMessage, response: ServerResponse): boolean {
  if ('redirectTo' in fault) {
    const path = request.url?.replace(/^\/v1/, '') ?? '';
    response.writeHead(307, { location: `${String(fault.redirectTo)}${path}` }).end();
    return true;
  }
  if (!('status' in fault)) return false;
  // Real providers echo part of what was sent; a good client does not pass that on.
  const message = `refused ${request.headers.authorization ?? 'nobody'}`;
  if ('retryAfter' in fault) response.setHeader('retry-after', String(fault.retryAfter));
  sendJson(response, fault.status as number, { error: { message } });
  return true;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const json = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json' }).end(json);
}

export async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function drip(response: ServerResponse, everyMs: number): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), everyMs);
  response.on('close', () => {
    clearInterval(timer);
  });
}

function writeForEver(response: ServerResponse): void {
  const spaces = Buffer.alloc(1024 * 1024, ' ');
  const more = (): void => {
    while (!response.destroyed && response.write(spaces));
  };
  response.on('drain', more);
  more();
}
