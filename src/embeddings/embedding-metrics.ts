import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Meter } from '../telemetry/meter.js';
import type { Embedders } from './embedders.js';
import { GuardedEmbedder } from './guarded-embedder.js';
import { vectorSpaceOf } from './vector-space.js';

const STATES = ['closed', 'half-open', 'open'] as const;

/** From a server on the same machine to one that is given up after all its retries. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** How the embeddings server does; none of the built-in embedder. */
export function measureEmbeddings(registry: Registry, embedders: Embedders, meter: Meter): void {
  const embedder = embedders.default;
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
    help: '1 for the state that the circuit breaker of the embeddings server is in, of each space of vectors.',
    labelNames: ['space', 'state'],
    registers,
    collect() {
      for (const known of embedders.known)
        if (known instanceof GuardedEmbedder)
          for (const state of STATES)
            this.set({ space: vectorSpaceOf(known), state }, known.state.name === state ? 1 : 0);
    },
  });
  const lines = (name: string, help: string, of: 'running' | 'waiting' | 'places') =>
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
  lines(
    'triptych_embedding_places',
    'Requests to the embeddings server that may be under way at once.',
    'places',
  );
  const duration = new Histogram({
    name: 'triptych_embedding_duration_seconds',
    help: 'Time of a request to the embeddings server, its wait in line and its retries included.',
    labelNames: ['kind', 'outcome'],
    buckets: SECONDS,
    registers,
  });
  const texts = new Counter({
    name: 'triptych_embedding_texts_total',
    help: 'Texts that the embeddings server was sent, or would have been.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  meter.on('embedding', ({ kind, outcome, ms, texts: count }) => {
    duration.observe({ kind, outcome }, ms / 1_000);
    texts.inc({ kind, outcome }, count);
  });
}
