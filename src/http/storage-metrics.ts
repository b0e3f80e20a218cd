import type { FastifyInstance } from 'fastify';
import { Gauge, type Registry } from 'prom-client';
import { identityOf } from '../tenancy/authentication.guard.js';

/** What a tenant stores. */
export interface StoredByTenant {
  readonly sessions: number;
  readonly messages: number;
  readonly messageBytes: number;
  readonly checkpointBytes: number;
  readonly memories: number;
  readonly memoryBytes: number;
}

/** What tenants store, as far as it is known. */
export interface StorageByTenant {
  /** A request of the tenant was answered. */
  served(tenantId: string): void;
  /** By tenant, at once, from what was measured last. */
  read(): ReadonlyMap<string, StoredByTenant>;
  /** Of the whole database, as measured last; undefined while it was not. */
  readonly databaseBytes: number | undefined;
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
  const gauge = (name: string, help: string, kinds: string[] = [], collect?: () => void) =>
    new Gauge({
      ...{ name, help, labelNames: [...(tenantLabel ? ['tenant'] : []), ...kinds], registers: [registry] },
      ...(collect && { collect }),
    });
  const bytes = gauge(
    'triptych_storage_bytes',
    'Bytes that the sessions and memories of the tenants served by this process take, as last measured.',
    ['kind'],
    // One reading for all of them: this is the first to be collected.
    () => {
      for (const each of [bytes, sessions, messages, memories]) each.reset();
      for (const [tenant, figure] of storage.read()) {
        const labels = tenantLabel ? { tenant } : {};
        bytes.inc({ ...labels, kind: 'messages' }, figure.messageBytes);
        bytes.inc({ ...labels, kind: 'checkpoints' }, figure.checkpointBytes);
        bytes.inc({ ...labels, kind: 'memories' }, figure.memoryBytes);
        sessions.inc(labels, figure.sessions);
        messages.inc(labels, figure.messages);
        memories.inc(labels, figure.memories);
      }
    },
  );
  const sessions = gauge(
    'triptych_sessions',
    'Sessions of the tenants served by this process, as last measured.',
  );
  const messages = gauge('triptych_messages', 'Messages of those sessions, as last measured.');
  const memories = gauge(
    'triptych_memories',
    'Memories of the tenants served by this process, as last measured.',
  );
  new Gauge({
    name: 'triptych_database_size_bytes',
    help: 'Bytes of the whole database on disk, indexes included, as last measured.',
    registers: [registry],
    collect() {
      if (storage.databaseBytes === undefined) this.remove();
      else this.set(storage.databaseBytes);
    },
  });
}
