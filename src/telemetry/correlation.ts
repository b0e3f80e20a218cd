import { isSpanContextValid, trace } from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';

/** By what a line of the log is found again. */
export interface Correlation {
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
}

const requests = new AsyncLocalStorage<Correlation>();
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;
const NO_TRACE = /^0+$/;

/** Runs `work` as part of a request. */
export function inRequest<T>(request: Correlation, work: () => T): T {
  return requests.run(request, work);
}

/** Of the request and the span in which the caller runs. The trace is that of whoever asked, where nothing is traced here. */
export function correlation(): Correlation {
  const request = requests.getStore();
  const span = trace.getActiveSpan()?.spanContext();
  if (!span || !isSpanContextValid(span)) return request ?? {};
  return { requestId: request?.requestId, traceId: span.traceId, spanId: span.spanId };
}

/** The trace that a request belongs to, by its header `traceparent` (W3C Trace Context); undefined when it has none of that form. */
export function traceIdOf(traceparent: unknown): string | undefined {
  const [, traceId] = (typeof traceparent === 'string' && TRACEPARENT.exec(traceparent)) || [];
  return traceId === undefined || NO_TRACE.test(traceId) ? undefined : traceId;
}
