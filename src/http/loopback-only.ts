import type { FastifyInstance } from 'fastify';
import { ForbiddenError } from '../errors.js';

const LOOPBACK = String.raw`(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?`;
const HOST = new RegExp(`^${LOOPBACK}$`, 'i');
const ORIGIN = new RegExp(`^https?://${LOOPBACK}$`, 'i');

/**
 * Keeps web pages of others away from a service that asks for no proof. A page reaches loopback through a
 * name that its owner points there (DNS rebinding), which `Host` tells, or by a request to another origin,
 * which `Origin` tells. What is no browser sends no `Origin`.
 */
export function refuseForeignPages(server: FastifyInstance): void {
  server.addHook('onRequest', ({ headers }, _reply, done) => {
    const { host, origin } = headers;
    const isOurs = HOST.test(host ?? '') && (origin === undefined || ORIGIN.test(origin));
    done(
      isOurs
        ? undefined
        : new ForbiddenError(
            'In development mode (AUTH_MODE=dev) Host, and Origin if there is one, must be a loopback address: ' +
              '127.0.0.1, localhost or [::1].',
          ),
    );
  });
}
