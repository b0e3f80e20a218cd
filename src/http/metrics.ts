import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { identityOf } from '../tenancy/authentication.guard.js';

/** A registry of its own, so that several applications can live in one process. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Measures each request by route pattern, never by path: a path holds ids, and labels must be few. */
export function measureRequests(server: FastifyInstance, registry: Registry): void {
  const duration = new Histogram({
    name: 'triptych_http_request_duration_seconds',
    help: 'Time to answer a request, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
    done();
  });
}

/** What tenants store, as far as it is known. */
export interface StorageByTenant {
  /** A request of the tenant was answered. */
  served(tenantId: string): void;
  /** By tenant, at once, from what was measured last. */
  read(): ReadonlyMap<
    string,
    { sessions: number; messages: number; messageBytes: number; checkpointBytes: number }
  >;
}

/** @param tenantLabel a value for each tenant, which many tenants make many; else their sums */
export function measureStorage(
  server: FastifyInstance,
  registry: Registry,
  storage: StorageByTenant,
  { tenantLabel }: { tenantLabel: boolean },
): void {
  server.addHook('onResponse', (request, _reply, done) => {
    const identity = identityOf(request);
    if (identity) storage.served(identity.tenantId);
    done();
  });
  const options = (name: string, help: string, kinds: string[] = []) => ({
    ...{ name, help, labelNames: [...(tenantLabel ? ['tenant'] : []), ...kinds] },
    registers: [registry],
  });
  const bytes = new Gauge({
    ...options(
      'triptych_storage_bytes',
      'Bytes that the sessions of the tenants served by this process take, as last measured.',
      ['kind'],
    ),
    // One reading for all three: this is the first to be collected.
    collect: () => {
      for (const gauge of [bytes, sessions, messages]) gauge.reset();
      for (const [tenant, figure] of storage.read()) {
        const labels = tenantLabel ? { tenant } : {};
        bytes.inc({ ...labels, kind: 'messages' }, figure.messageBytes);
        bytes.inc({ ...labels, kind: 'checkpoints' }, figure.checkpointBytes);
        sessions.inc(labels, figure.sessions);
        messages.inc(labels, figure.messages);
      }
    },
  });
  const sessions = new Gauge(
    options('triptych_sessions', 'Sessions of the tenants served by this process, as last measured.'),
  );
  const messages = new Gauge(options('triptych_messages', 'Messages of those sessions, as last measured.'));
}
