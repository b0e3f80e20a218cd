import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { textOf } from './http-faults.js';
import { httpServer } from './http-server.js';

/** A span as it arrived, its attributes as a plain object. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number };
  /** Of the process that sent it. */
  readonly resource: Readonly<Record<string, unknown>>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}
type RawSpan = Omit<CollectedSpan, 'attributes' | 'links'> & {
  attributes?: Attribute[];
  links?: CollectedSpan['links'];
};
interface TracesRequest {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: RawSpan[] }[] }[];
}

/** Takes traces by OTLP over HTTP in its JSON form, on loopback. */
export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];
  /** Everything that arrived, as it was sent. */
  received = '';
  /** How long each answer takes. */
  delayMs = 0;

  private constructor(private readonly http: Server) {}

  static async start(): Promise<OtlpCollector> {
    const http = httpServer();
    const collector = new OtlpCollector(http);
    http.on('request', (request, response) => {
      void textOf(request).then(async (body) => {
        collector.received += body;
        if (request.url === '/v1/traces') collector.take(JSON.parse(body) as TracesRequest);
        if (collector.delayMs > 0) await sleep(collector.delayMs, undefined, { ref: false });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** The variables by which a service sends its traces here, soon after they ended. */
  get environment(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    };
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.http.close(resolve));
    this.http.closeAllConnections();
    await closed;
  }

  private take({ resourceSpans }: TracesRequest): void {
    for (const { resource, scopeSpans } of resourceSpans)
      for (const { spans } of scopeSpans)
        for (const span of spans)
          this.spans.push({
            ...span,
            attributes: plain(span.attributes),
            links: span.links ?? [],
            resource: plain(resource.attributes),
          });
  }
}

function plain(attributes: readonly Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
