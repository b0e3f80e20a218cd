import { createServer, type RequestListener, type Server } from 'node:http';

/**
 * An HTTP server of a test's own. It never closes a connection that is kept: Node's closes it after 5 s, and when a busy
 * machine makes both ends late, that is the moment in which a client sends.
 */
export function httpServer(listener?: RequestListener): Server {
  return createServer({ keepAliveTimeout: 0 }, listener);
}
