import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Meter } from '../telemetry/meter.js';
import { SECONDS } from './metrics.js';

/** What a pool of connections knows of itself. */
export interface PoolFigures {
  readonly options: { readonly max: number };
  /** That are open. */
  readonly totalCount: number;
  readonly idleCount: number;
  /** Who waits for one. */
  readonly waitingCount: number;
}

/** The connections to the database: how many, and how long they are waited for. */
export function measureConnections(registry: Registry, meter: Meter, pool: PoolFigures): void {
  const registers = [registry];
  const connections = new Gauge({
    name: 'triptych_database_connections',
    help: 'Open connections of the pool, by whether somebody works on them.',
    labelNames: ['state'],
    registers,
    collect: () => {
      connections.set({ state: 'in_use' }, pool.totalCount - pool.idleCount);
      connections.set({ state: 'idle' }, pool.idleCount);
    },
  });
  const figure = (name: string, help: string, of: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(of());
      },
    });
  };
  figure(
    'triptych_database_connections_max',
    'Connections that the pool may have at most.',
    () => pool.options.max,
  );
  figure(
    'triptych_database_waiting',
    'Units of work and statements that wait for a connection.',
    () => pool.waitingCount,
  );
  const waited = new Histogram({
    name: 'triptych_database_connection_wait_seconds',
    help: 'Time until a connection was lent.',
    buckets: SECONDS,
    registers,
  });
  const failures = new Counter({
    name: 'triptych_database_connection_failures_total',
    help:
      'Connections that could not be lent, because all were in use for too long or none could be opened; and those that ' +
      'broke while nobody used them.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of ['timeout', 'unavailable', 'lost']) failures.inc({ reason }, 0);
  meter.on('connection', ({ outcome, ms }) => {
    if (outcome === 'lent') waited.observe(ms / 1_000);
    else failures.inc({ reason: outcome });
  });
}
