import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../src/logger.js';
import { inRequest } from '../src/telemetry/correlation.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { textOf } from './support/markdown.js';
import { OtlpCollector } from './support/otlp-collector.js';
import { valueOf } from './support/prometheus.js';
import { ServiceProcess } from './support/service-process.js';
import { sendTraffic } from './support/telemetry-traffic.js';

type Line = Record<string, unknown> & { level: string; event?: string };

const MARKS = { id: 'marked-id-7316', text: 'marked-text-4711' };

describe('what the service tells of itself', () => {
  let embeddings: EmbeddingsServer;
  let collector: OtlpCollector;
  let service: ServiceProcess;
  let lines: Line[];

  beforeAll(async () => {
    embeddings = await EmbeddingsServer.start({ dimensions: 64 });
    collector = await OtlpCollector.start();
    service = await ServiceProcess.start({
      ...collector.environment,
      DATA_DIR: 'memory://',
      OPENAI_BASE_URL: embeddings.url,
      OPENAI_API_KEY: `${MARKS.text}-key`,
      EMBEDDING_MODEL: 'any',
      EMBEDDING_DIMENSIONS: '64',
      LOG_LEVEL: 'trace',
    });
    await sendTraffic(service.url, 'acme', MARKS);
    embeddings.fail({ status: 500 });
    await sendTraffic(service.url, 'acme', { ...MARKS, id: `${MARKS.id}-again` });
    embeddings.heal();
    // The line of a request is written once its answer has left.
    await service.send('acme', 'GET', '/health/live');
    lines = service.said
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
  });
  afterAll(async () => {
    await service.stop();
    await collector.close();
    await embeddings.close();
  });

  const requests = () => lines.filter(({ event }) => event === 'request');

  it('is a line for each request, by its route, with a level by its status', () => {
    const levels = new Map<string, string>();
    for (const { method, route, status, level, ms } of requests()) {
      levels.set(`${String(method)} ${String(route)} ${String(status)}`, level);
      expect(ms).toEqual(expect.any(Number));
    }
    expect(Object.fromEntries(levels)).toMatchObject({
      'POST /v1/sessions/:threadId/messages 201': 'info',
      'POST /v1/sessions/:threadId/messages 400': 'warn',
      'POST /v1/sessions/:threadId/messages 412': 'warn',
      'GET /v1/memories/:memoryId 200': 'info',
      'GET none 404': 'warn',
      'GET none 400': 'warn',
      'POST /mcp 200': 'info',
      'POST /mcp 400': 'warn',
      'GET /health/ready 200': 'debug',
      'POST /v1/context/compile 200': 'info',
      'DELETE /v1/sessions/:threadId 204': 'info',
    });
  });

  it('names the request in each line of its work, and its trace', async () => {
    const already = service.said.length;
    const { headers } = await service.send('acme', 'POST', '/v1/sessions/ids/messages', {
      messages: [{ role: 'user', content: 'hello' }],
    });
    const requestId = headers['x-request-id'];
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    const own = (): Line[] =>
      service.said
        .slice(already)
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as Line)
        .filter((line) => line['requestId'] === requestId);
    await until(() => own().length === 2);
    expect(own()).toMatchObject([{ event: 'audit' }, { event: 'request', status: 201 }]);
    const [audit, request] = own();
    expect(audit?.['traceId']).toMatch(/^[0-9a-f]{32}$/);
    expect(audit).toMatchObject({ traceId: request?.['traceId'], spanId: expect.any(String) });
  });

  it('says of a context what its answer says, what its format had no room for included', () => {
    const compiled = lines.filter(({ event, tier }) => event === 'context_compiled' && tier === 'fast');
    expect(compiled.map(({ degraded }) => degraded)).toEqual([
      ['unsupported_content'],
      ['embeddings_unavailable', 'unsupported_content'],
    ]);
  });

  it('holds nothing of what users say, and ids in the record of mutations alone', () => {
    const events = new Set(lines.map(({ event }) => event));
    expect([...events]).toEqual(
      expect.arrayContaining(['request', 'audit', 'context_compiled', 'embeddings_breaker']),
    );
    expect(service.said).not.toContain(MARKS.text);
    const named = lines.filter((line) => JSON.stringify(line).includes(MARKS.id));
    expect(new Set(named.map(({ event }) => event))).toEqual(new Set(['audit']));
    for (const { object, ...rest } of named) {
      expect(object).toEqual(expect.stringContaining(MARKS.id));
      expect(JSON.stringify(rest)).not.toContain(MARKS.id);
    }
  });

  it('holds none of it in /metrics', async () => {
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(valueOf(metrics, 'triptych_compile_duration_seconds_count{tier="fast"}')).toBe(2);
    expect(metrics).not.toMatch(/marked|acme/);
  });

  it('holds none of it in spans, nor the tenant', async () => {
    const names = () => new Set(collector.spans.map(({ name }) => name));
    const expected = ['compile', 'recall', 'embeddings any', 'write receipts', 'database unit of work'];
    await until(() => expected.every((name) => names().has(name)));
    expect(collector.received).not.toMatch(/marked|acme/);
  });
});

describe('docs/observability.md', () => {
  it('names every event of the log, and no other', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' });
    const told = sources
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
      .flatMap((file) =>
        Array.from(
          textOf(join('src', file)).matchAll(/\bevent: '(\w+)'|#tell\(\s*'(\w+)'/g),
          ([, literal, ofWorker]) => literal ?? ofWorker ?? '',
        ),
      );
    const [, table = ''] = textOf('docs/observability.md').split('| event | when | members |');
    const rows = Array.from(table.matchAll(/^\| (`.*?) \| /gm), ([, cell = '']) => cell);
    const named = rows.flatMap((cell) => Array.from(cell.matchAll(/`(\w+)`/g), ([, event]) => event));
    expect(named.sort()).toEqual([...new Set(told)].sort());
  });
});

describe('the log for a person', () => {
  it('says to which request and trace a line belongs', () => {
    let written = '';
    const spy = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      written += String(chunk);
      return true;
    });
    try {
      const logger = createLogger({ level: 'info', format: 'pretty' });
      inRequest({ requestId: 'r-1', traceId: 't-1' }, () => {
        logger.log('said', 'Somewhere');
      });
      logger.log('unasked', 'Somewhere');
    } finally {
      spy.mockRestore();
    }
    expect(written).toMatch(/Somewhere\].*\(r-1 t-1\).*said/);
    expect(written.split('\n').find((line) => line.includes('unasked'))).not.toContain('r-1');
  });
});

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error('It did not come about within 30 s.');
    await sleep(20);
  }
}
