import { Counter, Gauge, type Registry } from 'prom-client';
import type { EmbeddingBacklog } from './embedding-backlog.js';
import type { PendingFigures } from './pending-figures.js';

/** Memories that wait for their vectors, of all tenants, and what the worker of this process has done. */
export function measureEmbeddingBacklog(
  registry: Registry,
  backlog: Pick<EmbeddingBacklog, 'counts'>,
  figures: Pick<PendingFigures, 'read'>,
): void {
  const registers = [registry];
  const gauge = (name: string, help: string, of: 'pending' | 'parked' | 'overdueSeconds') =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const figure = figures.read();
        if (figure) this.set(figure[of]);
        else this.remove();
      },
    });
  gauge(
    'triptych_embeddings_pending',
    'Memories of all tenants that wait for their vectors, as last counted.',
    'pending',
  );
  gauge(
    'triptych_embeddings_parked',
    'Memories of all tenants that could not be embedded and were given up, as last counted.',
    'parked',
  );
  gauge(
    'triptych_embeddings_overdue_seconds',
    'For how long the memory that was due first has waited for a worker, as last counted.',
    'overdueSeconds',
  );
  new Gauge({
    name: 'triptych_embeddings_migrating',
    help: 'Memories of all tenants that a migration is to give vectors of another model, by whether it gave them up.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      const figure = figures.read();
      if (!figure) return;
      this.set({ state: 'pending' }, figure.migrating);
      this.set({ state: 'parked' }, figure.migratingParked);
    },
  });
  new Counter({
    name: 'triptych_embeddings_finished_total',
    help: 'Memories that the worker of this process gave the vectors that they were stored without.',
    registers,
    collect() {
      this.reset();
      this.inc(backlog.counts.finished);
    },
  });
  new Counter({
    name: 'triptych_embeddings_failed_total',
    help: 'Memories that the worker of this process could not embed, by what became of them.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      this.inc({ outcome: 'retried' }, backlog.counts.retried);
      this.inc({ outcome: 'parked' }, backlog.counts.parked);
    },
  });
}
