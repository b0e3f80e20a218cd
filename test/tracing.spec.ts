import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { trace } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { asksForTraces } from '../src/config/tracing-environment.js';
import { ContextManager } from '../src/context/context-manager.js';
import { ContextReceipts } from '../src/context/context-receipts.js';
import { Database } from '../src/database/database.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { OtlpCollector, type CollectedSpan } from './support/otlp-collector.js';
import { ServiceProcess } from './support/service-process.js';
import { TestService } from './support/service.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const WITHIN_MS = 30_000;

describe('the standard variables', () => {
  it.each([
    [{}, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, true],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, false],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp' }, false],
    [{ OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
    [{ OTEL_SERVICE_NAME: 'alone', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:4318' }, false],
  ])('%j: traces are %p', (environment, expected) => {
    expect(asksForTraces(environment)).toBe(expected);
  });
});

describe('the service with a collector', () => {
  let collector: OtlpCollector;
  let embeddings: EmbeddingsServer;
  let service: ServiceProcess;

  beforeAll(async () => {
    collector = await OtlpCollector.start();
    embeddings = await EmbeddingsServer.start({ dimensions: 64 });
    service = await ServiceProcess.start({
      ...collector.environment,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      DATA_DIR: 'memory://',
      OPENAI_BASE_URL: embeddings.url,
      EMBEDDING_MODEL: 'any',
      EMBEDDING_DIMENSIONS: '64',
      LOG_LEVEL: 'info',
    });
  });
  afterAll(async () => {
    await service.stop();
    await embeddings.close();
    await collector.close();
  });

  const compile = (traceId: string) =>
    service.send(
      'acme',
      'POST',
      '/v1/context/compile',
      { threadId: 'one', systemPrompt: 'be brief', task: { description: 'when is the meeting' } },
      undefined,
      { traceparent: `00-${traceId}-${PARENT}-01` },
    );
  const collected = async (holds: (spans: CollectedSpan[]) => boolean): Promise<CollectedSpan[]> => {
    const end = Date.now() + WITHIN_MS;
    while (!holds(collector.spans)) {
      if (Date.now() > end) throw new Error(`Only ${collector.spans.map(({ name }) => name).join(', ')}.`);
      await sleep(20);
    }
    return collector.spans;
  };
  const parentsOf = (spans: readonly CollectedSpan[]) =>
    Object.fromEntries(
      spans.map((span) => [
        span.name,
        spans.find(({ spanId }) => spanId === span.parentSpanId)?.name ?? span.parentSpanId ?? 'none',
      ]),
    );

  it('gets the spans of a compile, each below its own, in the trace of who asked', async () => {
    await service.send('acme', 'POST', '/v1/sessions/one/messages', {
      messages: [{ role: 'user', content: 'the meeting is at noon' }],
    });
    expect((await compile(TRACE)).status).toBe(200);
    const arrived = await collected(
      (spans) =>
        spans.some(({ name, traceId }) => name.startsWith('POST') && traceId === TRACE) &&
        spans.some(({ name }) => name === 'write receipts'),
    );
    const ours = arrived.filter(({ traceId }) => traceId === TRACE);
    expect(parentsOf(ours)).toEqual({
      'POST /v1/context/compile': PARENT,
      compile: 'POST /v1/context/compile',
      'compile count': 'compile',
      'compile load': 'compile',
      'compile select': 'compile',
      recall: 'compile load',
      'recall question': 'recall',
      'embeddings any': 'recall question',
      'recall candidates': 'recall',
      'recall rank': 'recall',
    });
    const attributesOf = (name: string) => ours.find((span) => span.name === name)?.attributes;
    expect(attributesOf('POST /v1/context/compile')).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/context/compile',
      'http.response.status_code': expect.anything(),
    });
    expect(attributesOf('compile')).toMatchObject({ 'triptych.tier': 'reasoning' });
    expect(attributesOf('embeddings any')).toMatchObject({
      'gen_ai.request.model': 'any',
      'triptych.embedding.kind': 'query',
    });
    expect(ours.map(({ kind, name }) => [name, kind])).toEqual(
      expect.arrayContaining([
        ['POST /v1/context/compile', 2],
        ['compile', 1],
        ['embeddings any', 3],
      ]),
    );
    expect(ours[0]?.resource).toMatchObject({
      'service.name': 'triptych',
      'deployment.environment.name': 'test',
    });
  });

  it('gets what is done after the answer as traces of their own, linked to it', () => {
    const [spans] = [collector.spans];
    const written = spans.find(({ name, links }) => name === 'write receipts' && links.length > 0);
    expect(written?.traceId).not.toBe(TRACE);
    expect(written?.parentSpanId ?? '').toBe('');
    const compiled = spans.find(({ name, traceId }) => name === 'compile' && traceId === TRACE);
    expect(written?.links).toMatchObject([{ traceId: TRACE, spanId: compiled?.spanId }]);
  });

  it('keeps traces apart that are under way at the same time', async () => {
    const traces = Array.from({ length: 20 }, (_, index) => `${TRACE.slice(2)}${(index + 16).toString(16)}`);
    await Promise.all(traces.map(compile));
    const whole = (spans: readonly CollectedSpan[], id: string) =>
      spans.filter(({ traceId }) => traceId === id).length === 10;
    const spans = await collected((arrived) => traces.every((id) => whole(arrived, id)));
    for (const id of traces) {
      const ours = spans.filter(({ traceId }) => traceId === id);
      const known = new Set([PARENT, ...ours.map(({ spanId }) => spanId)]);
      expect(ours.filter(({ parentSpanId }) => !known.has(parentSpanId ?? ''))).toEqual([]);
    }
  });

  it('sends no traceparent to the server of embeddings', () => {
    expect(embeddings.requests.length).toBeGreaterThan(20);
    for (const { headers } of embeddings.requests) expect(headers).not.toHaveProperty('traceparent');
  });

  it('gives a span that failed the code of its error and not its message', async () => {
    const traceId = `${TRACE.slice(2)}ff`;
    const { status } = await service.send(
      'acme',
      'GET',
      '/v1/memories?cursor=secret-words',
      undefined,
      undefined,
      {
        traceparent: `00-${traceId}-${PARENT}-01`,
      },
    );
    expect(status).toBe(400);
    const spans = await collected((arrived) => arrived.some((span) => span.traceId === traceId));
    const [span] = spans.filter((each) => each.traceId === traceId);
    expect(span?.attributes).toMatchObject({
      'http.route': '/v1/memories',
      'triptych.problem': 'invalid_input',
    });
    expect(collector.received).not.toContain('secret-words');
  });

  it('logs each request under the ids of its trace and its span', () => {
    const lines = service.said
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const line = lines.find(({ event, traceId }) => event === 'request' && traceId === TRACE);
    const [server] = collector.spans.filter(({ traceId, kind }) => traceId === TRACE && kind === 2);
    expect(line).toMatchObject({ route: '/v1/context/compile', status: 200, spanId: server?.spanId });
    const compiled = lines.find(({ event, traceId }) => event === 'context_compiled' && traceId === TRACE);
    expect(compiled?.['requestId']).toBe(line?.['requestId']);
  });

  it('gets the last spans when the service is told to stop', async () => {
    const traceId = `${TRACE.slice(2)}ee`;
    await compile(traceId);
    await service.stop();
    expect(collector.spans.filter((span) => span.traceId === traceId)).toHaveLength(10);
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });
});

describe('a collector that is away', () => {
  it('costs a warning, and neither an answer nor the end of the service', async () => {
    let isAway = true;
    const hanging = createServer((socket) => {
      if (isAway) socket.resetAndDestroy();
    });
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    const { port } = hanging.address() as AddressInfo;
    const service = await ServiceProcess.start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      DATA_DIR: 'memory://',
      LOG_LEVEL: 'warn',
    });
    try {
      expect((await service.send('acme', 'GET', '/v1/sessions')).status).toBe(200);
      const end = Date.now() + WITHIN_MS;
      while (!service.said.includes('traces_not_sent') && Date.now() < end) await sleep(50);
      expect(service.said.match(/traces_not_sent/g)).toHaveLength(1);
      // From now on it takes what is sent, and never answers.
      isAway = false;
      for (let sent = 0; sent < 3; sent += 1)
        expect((await service.send('acme', 'GET', '/v1/sessions')).status).toBe(200);
    } finally {
      await service.stop();
      hanging.close();
    }
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.said).not.toContain('shutdown_timed_out');
  });
});

/** The API takes one in a process. */
const exporter = new tracing.InMemorySpanExporter();
const sdk = new NodeSDK({
  spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
  metricReaders: [],
  logRecordProcessors: [],
});
sdk.start();
afterAll(() => sdk.shutdown());

describeOnEachEngine('an application with an SDK of its own', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('is the parent of ours, in a unit of work and in many at once', async () => {
    const manager = service.app.get(ContextManager);
    const inHost = (name: string) =>
      trace.getTracer('host').startActiveSpan(name, async (host) => {
        await service.app.get(TenantContext).run('acme', () =>
          service.app.get(Database).unitOfWork(async () => {
            await manager.session.appendMessages(name, [{ role: 'user', content: 'hello' }]);
            await manager.compileWorkingContext({
              threadId: name,
              systemPrompt: '',
              task: { description: 'hello' },
            });
          }),
        );
        host.end();
        return host.spanContext().traceId;
      });
    const traces = await Promise.all(['one', 'two', 'three', 'four'].map(inHost));
    await service.app.get(ContextReceipts).settled();
    const spans = exporter.getFinishedSpans();
    exporter.reset();
    for (const [index, traceId] of traces.entries()) {
      const ours = spans.filter((span) => span.spanContext().traceId === traceId);
      const nameOf = (spanId?: string) => ours.find((span) => span.spanContext().spanId === spanId)?.name;
      const parents = Object.fromEntries(
        ours.map((span) => [span.name, nameOf(span.parentSpanContext?.spanId)]),
      );
      const host = ['one', 'two', 'three', 'four'][index];
      expect(parents).toMatchObject({
        'database unit of work': host,
        compile: 'database unit of work',
        'compile load': 'compile',
        recall: 'compile load',
      });
      expect(ours.filter(({ name }) => name === 'database unit of work')).toHaveLength(1);
    }
    const links = spans.filter(({ name }) => name === 'write receipts').flatMap((span) => span.links);
    expect(new Set(links.map((link) => link.context.traceId))).toEqual(new Set(traces));
  });

  it('sees an error by its class, and nothing that it says', async () => {
    const database = service.app.get(Database);
    const work = () => database.unitOfWork(() => database.query(`SELECT 'said in secret'::int`));
    await expect(service.app.get(TenantContext).run('acme', work)).rejects.toThrow('said in secret');
    const failed = exporter.getFinishedSpans().at(-1);
    expect(failed).toMatchObject({ name: 'database unit of work', status: { code: 2 } });
    expect(failed?.attributes).toMatchObject({ 'error.type': '22P02' });
    expect(JSON.stringify([failed?.attributes, failed?.events, failed?.status])).not.toContain('secret');
  });
});
