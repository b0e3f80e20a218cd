import { Counter, Gauge, type Registry } from 'prom-client';
import type { Embedder } from './embedder.js';
import { GuardedEmbedder } from './guarded-embedder.js';

const STATES = ['closed', 'half-open', 'open'] as const;

/** How the embeddings server does. Read when somebody asks, so a request pays nothing for it; none of the built-in embedder. */
export function measureEmbeddings(registry: Registry, embedder: Embedder): void {
  if (!(embedder instanceof GuardedEmbedder)) return;
  const registers = [registry];
  new Counter({
    name: 'triptych_embedding_requests_total',
    help: 'Requests to the embeddings server by outcome; not_asked: its breaker was open, or too many waited.',
    labelNames: ['kind', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const { kind, outcomes } of embedder.figures)
        for (const [outcome, count] of Object.entries(outcomes)) this.inc({ kind, outcome }, count);
    },
  });
  new Gauge({
    name: 'triptych_embedding_breaker',
    help: '1 for the state that the circuit breaker of the embeddings server is in.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const state of STATES) this.set({ state }, embedder.state.name === state ? 1 : 0);
    },
  });
  const lines = (name: string, help: string, of: 'running' | 'waiting') =>
    new Gauge({
      name,
      help,
      labelNames: ['kind'],
      registers,
      collect() {
        for (const figures of embedder.figures) this.set({ kind: figures.kind }, figures[of]);
      },
    });
  lines('triptych_embedding_running', 'Requests to the embeddings server under way.', 'running');
  lines('triptych_embedding_waiting', 'Requests to the embeddings server that wait in line.', 'waiting');
}
