import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanOptions,
} from '@opentelemetry/api';
import packageJson from '../../package.json' with { type: 'json' };

/** Of the API alone: without an SDK, of ours or of a host application, every span of it is nothing. */
const tracer = trace.getTracer(packageJson.name, packageJson.version);

/**
 * Runs `work` in a span, below the one that is active. Its attributes are counts, names of the settings and codes: never
 * content, and no id of a memory, a thread or a tenant.
 */
export function inSpan<T>(
  name: string,
  work: (span: Span) => Promise<T>,
  options: SpanOptions = {},
): Promise<T> {
  return tracer.startActiveSpan(name, options, (span) => ended(span, work));
}

/** The same for work that goes on in its turn. */
export function inSyncSpan<T>(name: string, work: (span: Span) => T, options: SpanOptions = {}): T {
  return tracer.startActiveSpan(name, options, (span) => {
    try {
      return work(span);
    } catch (error) {
      noteError(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The same for what is asked of another server. */
export function inClientSpan<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return inSpan(name, work, { kind: SpanKind.CLIENT, attributes });
}

/** Work that goes on after its request was answered, or for several: a trace of its own, linked to where it was asked for. */
export function inLinkedSpan<T>(
  name: string,
  links: readonly (Link | undefined)[],
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const options = { root: true, links: links.filter((link) => link !== undefined) };
  return tracer.startActiveSpan(name, options, ROOT_CONTEXT, (span) => ended(span, work));
}

/** The span that is active, to be linked to later. */
export function activeLink(): Link | undefined {
  const active = trace.getActiveSpan()?.spanContext();
  return active && isSpanContextValid(active) ? { context: active } : undefined;
}

/** A span that its caller ends; the context is that in which its work has to run. */
export function startSpan(
  name: string,
  options: SpanOptions,
  parent: Context = context.active(),
): { span: Span; within: Context } {
  const span = tracer.startSpan(name, options, parent);
  return { span, within: trace.setSpan(parent, span) };
}

/** Says of a span that its work failed: by the code or the class of the error, whose message may hold anything. */
export function noteError(span: Span, error: unknown): void {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  const [type = 'unknown'] = [code, name].filter((each) => typeof each === 'string');
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', type);
}

async function ended<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } catch (error) {
    noteError(span, error);
    throw error;
  } finally {
    span.end();
  }
}
