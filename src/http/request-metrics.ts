import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { SECONDS } from './metrics.js';
import type { AnsweredRequest, RequestListener } from './request-telemetry.js';

/** Measures each request by route pattern, never by path: a path holds ids, and labels must be few. */
export function requestMetrics(registry: Registry): RequestListener {
  const registers = [registry];
  const duration = new Histogram({
    name: 'triptych_http_request_duration_seconds',
    help: 'Time to answer a request, by route and status; 499: the client was gone before the answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const inFlight = new Gauge({
    name: 'triptych_http_requests_in_flight',
    help: 'Requests that are not answered yet.',
    labelNames: ['method', 'route'],
    registers,
  });
  const problems = new Counter({
    name: 'triptych_http_problems_total',
    help: 'Answers that were a problem document, by its code.',
    labelNames: ['code'],
    registers,
  });
  const refusals = new Counter({
    name: 'triptych_rate_limited_total',
    help: 'Requests that were answered 429, by which limit they met.',
    labelNames: ['limit'],
    registers,
  });
  const conflicts = new Counter({
    name: 'triptych_session_conflicts_total',
    help: 'Writes of a thread that were refused because somebody else was before them, by the code of the problem.',
    labelNames: ['code'],
    registers,
  });
  const replays = new Counter({
    name: 'triptych_idempotency_replays_total',
    help: 'Requests that were given the first answer of their Idempotency-Key again.',
    registers,
  });
  // A series that is there from the start shows its first increase.
  for (const limit of Object.values(LIMITS)) refusals.inc({ limit }, 0);
  for (const code of CONFLICTS) conflicts.inc({ code }, 0);
  return {
    begun: ({ method, route }) => {
      inFlight.inc({ method, route });
    },
    answered: ({ method, route, status, ms, code, isReplay }: AnsweredRequest) => {
      inFlight.dec({ method, route });
      duration.observe({ method, route, status }, ms / 1_000);
      if (isReplay) replays.inc();
      if (code === undefined) return;
      problems.inc({ code });
      if (CONFLICTS.has(code)) conflicts.inc({ code });
      const limit = LIMITS[code];
      if (limit !== undefined) refusals.inc({ limit });
    },
  };
}

const CONFLICTS: ReadonlySet<string> = new Set(['session_conflict', 'session_busy', 'version_conflict']);
const LIMITS: Readonly<Record<string, string>> = {
  rate_limited: 'rate',
  quota_exceeded: 'daily_quota',
  too_many_unknown_keys: 'unknown_keys',
};
