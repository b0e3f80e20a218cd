// Over 200 lines: what one service measures, and what is drawn of it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Database } from '../src/database/database.js';
import { Meter } from '../src/telemetry/meter.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { describeOnEachEngine, embedded, type TestDatabase } from './support/engines.js';
import { closedGate } from './support/gate.js';
import { tableRows, textOf } from './support/markdown.js';
import { readPromQL } from './support/promql.js';
import { valueOf } from './support/prometheus.js';
import { longDay } from './support/long-day.js';
import { TestService } from './support/service.js';
import { sendTraffic } from './support/telemetry-traffic.js';

const QUOTA = 200;
/** With `METRICS_TENANT_LABEL=true` these have the label `tenant`. */
const OF_TENANTS = new Set([
  'triptych_storage_bytes',
  'triptych_sessions',
  'triptych_messages',
  'triptych_memories',
]);
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
/** Given to a series by whoever scrapes it, or by the format of a histogram. */
const OF_PROMETHEUS = new Set(['instance', 'job', 'le']);

interface GridPos {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}
interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly object[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: GridPos;
    readonly datasource?: object;
    readonly targets?: readonly {
      readonly refId: string;
      readonly expr: string;
      readonly datasource: object;
    }[];
  }[];
}

describeOnEachEngine('metrics', (createDatabase) => {
  let database: TestDatabase;
  let embeddings: EmbeddingsServer;
  let service: TestService;

  beforeAll(async () => {
    database = await createDatabase();
    database = { ...database, settings: { ...database.settings, poolSize: 2, poolWaitMs: 2_000 } };
    embeddings = await EmbeddingsServer.start({ dimensions: 64 });
    service = await TestService.start(database, {
      embeddings: { baseUrl: embeddings.url, model: 'any', dimensions: 64, timeoutMs: 60_000 },
      limits: { dailyQuota: QUOTA },
    });
    await sendTraffic(service.url, 'acme', { id: 'one', text: 'the-meeting-is-at-noon' });
  });
  afterAll(async () => {
    await service.stop();
    await embeddings.close();
    await database.drop();
  });

  const scrape = async (): Promise<string> => (await service.send('GET', '/metrics')).text;
  const value = async (series: string): Promise<number | undefined> => valueOf(await scrape(), series);

  it('are those of the table, by name, type and labels, each with a help text', async () => {
    const served = await service.app.get(Registry).getMetricsAsJSON();
    const ours = served.filter(({ name }) => name.startsWith('triptych_'));
    const labels = new Map(
      service.app
        .get(Registry)
        .getMetricsAsArray()
        .map((metric) => [metric.name, (metric as unknown as { labelNames: string[] }).labelNames]),
    );
    const rows = ours.map(({ name, type }) => [
      `\`${name}\``,
      String(type),
      labels
        .get(name)
        ?.map((label) => `\`${label}\``)
        .join(', ') || '–',
    ]);
    const documented = tableRows('docs/observability.md').filter(([name]) => name?.startsWith('`triptych_'));
    expect(documented.map((row) => row.slice(0, 3)).sort()).toEqual(rows.sort());
    for (const { name, help } of ours) {
      expect([name, help]).toEqual([name, expect.stringMatching(/^[A-Z0-9].{15,}\.$/)]);
      expect(name).toMatch(/^triptych_[a-z_]+$/);
    }
    for (const { name, type } of ours) expect(name.endsWith('_total')).toBe(String(type) === 'counter');
  });

  it('tell of requests by their route', async () => {
    const route = 'method="POST",route="/v1/sessions/:threadId/messages"';
    const text = await scrape();
    const count = (status: number) =>
      valueOf(text, `triptych_http_request_duration_seconds_count{${route},status="${status}"}`);
    expect([count(201), count(400), count(412)]).toEqual([3, 1, 1]);
    expect(valueOf(text, `triptych_http_requests_in_flight{${route}}`)).toBe(0);
    expect(valueOf(text, 'triptych_http_requests_in_flight{method="GET",route="/metrics"}')).toBe(1);
    expect(valueOf(text, 'triptych_idempotency_replays_total')).toBe(1);
    expect(valueOf(text, 'triptych_session_conflicts_total{code="version_conflict"}')).toBe(1);
    expect(valueOf(text, 'triptych_http_problems_total{code="route_not_found"}')).toBe(1);
  });

  it('tell of requests whose client is gone', async () => {
    const before = await value('triptych_http_requests_in_flight{method="POST",route="/v1/memories"}');
    const gate = closedGate();
    embeddings.fail({ until: gate.opened });
    try {
      const asking = request(`${service.url}/v1/memories`, {
        method: 'POST',
        headers: { 'x-tenant-id': 'acme', 'content-type': 'application/json' },
      });
      asking.on('error', () => undefined);
      asking.end(JSON.stringify({ agentId: 'a', content: 'that nobody waits for' }));
      const inFlight = 'triptych_http_requests_in_flight{method="POST",route="/v1/memories"}';
      await until(async () => (await value(inFlight)) === (before ?? 0) + 1);
      asking.destroy();
      const gone =
        'triptych_http_request_duration_seconds_count{method="POST",route="/v1/memories",status="499"}';
      await until(async () => (await value(gone)) === 1);
      expect(await value(inFlight)).toBe(before);
    } finally {
      gate.open();
      embeddings.heal();
    }
    // What was asked for goes on without whoever asked, and is over before the next fault.
    await until(async () => (await value('triptych_embedding_running{kind="document"}')) === 0);
  });

  it('tell what contexts are made of', async () => {
    const text = await scrape();
    const compiled = (tier: string) =>
      valueOf(text, `triptych_compile_duration_seconds_count{tier="${tier}"}`);
    expect([compiled('reasoning'), compiled('fast')]).toEqual([1, 1]);
    const kept =
      'triptych_compile_items_total{tier="reasoning",section="taskAndBuffer",decision="kept",reason="fits"}';
    expect(valueOf(text, kept)).toBe(1);
    const used = 'triptych_compile_budget_used_ratio';
    for (const section of ['systemPrompt', 'sessionHistory', 'relevantContext', 'taskAndBuffer']) {
      expect(valueOf(text, `${used}_count{tier="reasoning",section="${section}"}`)).toBe(1);
      const sum = valueOf(text, `${used}_sum{tier="reasoning",section="${section}"}`) ?? -1;
      expect(sum).toBeGreaterThan(0);
      expect(sum).toBeLessThan(0.1);
    }
    const dropped = 'tier="reasoning",section="relevantContext",decision="dropped",reason="in_history"';
    expect(valueOf(text, `triptych_compile_items_total{${dropped}}`)).toBeGreaterThan(0);
    expect(valueOf(text, 'triptych_compile_shared_prefix_ratio_count{tier="fast"}')).toBe(1);
  });

  it('tell of searches, and of what they had to do without', async () => {
    const count = 'triptych_recall_duration_seconds_count{mode="hybrid"}';
    const [before, searched] = [
      await value(count),
      () => service.as('acme').post('/v1/memories/search', { query: 'noon' }),
    ];
    await searched();
    expect(await value(count)).toBe((before ?? 0) + 1);
    expect(await value('triptych_recall_candidates_sum{mode="hybrid"}')).toBeGreaterThan(0);
    const requests = 'triptych_embedding_requests_total{kind="query",outcome="unavailable"}';
    const failed = (await value(requests)) ?? 0;
    embeddings.fail({ status: 500 });
    await searched();
    await service.as('acme').post('/v1/context/compile', {
      threadId: 'degraded',
      systemPrompt: '',
      task: { description: 'noon' },
    });
    embeddings.heal();
    const text = await scrape();
    expect(valueOf(text, requests)).toBe(failed + 2);
    expect(valueOf(text, 'triptych_recall_degraded_total{code="embeddings_unavailable"}')).toBe(2);
    const degraded = 'triptych_compile_degraded_total{tier="reasoning",code="embeddings_unavailable"}';
    expect(valueOf(text, degraded)).toBe(1);
    const duration = 'triptych_embedding_duration_seconds_count{kind="query",outcome="unavailable"}';
    expect(valueOf(text, duration)).toBe(failed + 2);
    expect(valueOf(text, 'triptych_embedding_places{kind="query"}')).toBe(16);
  });

  it('tell of limits that were met', async () => {
    await longDay();
    for (let sent = 0; sent < QUOTA; sent += 1) await service.as('noisy').get('/v1/context/budgets');
    const answers = await Promise.all([1, 2, 3].map(() => service.as('noisy').get('/v1/context/budgets')));
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 429]);
    expect(await value('triptych_rate_limited_total{limit="daily_quota"}')).toBe(3);
    expect(await value('triptych_rate_limited_total{limit="rate"}')).toBe(0);
    expect(await value('triptych_http_problems_total{code="quota_exceeded"}')).toBe(3);
  });

  it('tell of the connections', async () => {
    const text = await scrape();
    const size = database.engine === 'embedded' ? 1 : 2;
    expect(valueOf(text, 'triptych_database_connections_max')).toBe(size);
    expect(valueOf(text, 'triptych_database_connections{state="in_use"}')).toBeLessThanOrEqual(size);
    expect(valueOf(text, 'triptych_database_connection_wait_seconds_count')).toBeGreaterThan(20);
    if (database.engine === 'embedded') return; // its line has no end
    const unitOfWork = service.app.get(Database);
    const timeouts = 'triptych_database_connection_failures_total{reason="timeout"}';
    const gate = closedGate();
    const held = [1, 2].map(() =>
      service.app.get(TenantContext).run('acme', () =>
        unitOfWork.unitOfWork(async () => {
          await unitOfWork.query('SELECT 1');
          await gate.opened;
        }),
      ),
    );
    try {
      await until(async () => (await value('triptych_database_connections{state="in_use"}')) === 2);
      const waiting = service.as('acme').get('/v1/sessions');
      await until(async () => ((await value('triptych_database_waiting')) ?? 0) > 0);
      expect((await waiting).status).toBe(503);
      expect(await value(timeouts)).toBeGreaterThanOrEqual(1);
    } finally {
      gate.open();
      await Promise.all(held);
    }
    expect(await value('triptych_database_waiting')).toBe(0);
  });

  it('ask the database nothing when they are read', async () => {
    await until(async () => (await value('triptych_database_size_bytes')) !== undefined);
    const lent = 'triptych_database_connection_wait_seconds_count';
    const before = (await value(lent)) ?? 0;
    const scrapes = 40;
    for (let scraped = 0; scraped < scrapes; scraped += 1) await scrape();
    // What is done in the background goes on meanwhile.
    expect((await value(lent)) ?? 0).toBeLessThan(before + scrapes / 2);
  });

  describe('the dashboard and the alerts', () => {
    const dashboard = JSON.parse(textOf('deploy/grafana/triptych.json')) as Dashboard;
    const drawn = dashboard.panels.flatMap((panel) => panel.targets ?? []).map(({ expr }) => expr);
    const alerts = Array.from(
      textOf('deploy/prometheus/alerts.yaml').matchAll(/^ +expr: (.*)$/gm),
      ([, expr = '']) => expr,
    );

    it('ask in the language of Prometheus for what is served', async () => {
      const text = await scrape();
      const types = new Map(
        Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name, type]) => [name, type]),
      );
      const labels = new Map(tableRows('docs/observability.md').map(([name, , cell]) => [name, cell]));
      expect(drawn.length).toBeGreaterThan(50);
      expect(alerts).toHaveLength(10);
      for (const expression of [...drawn, ...alerts]) {
        const { mistakes, metrics, grouping } = readPromQL(expression);
        expect(mistakes).toEqual([]);
        expect(metrics.length).toBeGreaterThan(0);
        for (const { name, matchers } of metrics) {
          if (name === 'up') continue;
          const base = name.replace(/_(bucket|sum|count)$/, '');
          const isHistogram = types.get(base) === 'histogram' && base !== name;
          expect([name, isHistogram || types.has(name)]).toEqual([name, true]);
          if (!name.startsWith('triptych_')) continue;
          const known = Array.from(labels.get(`\`${base}\``)?.matchAll(/\w+/g) ?? [], ([label]) => label);
          if (OF_TENANTS.has(name)) known.push('tenant');
          for (const { label, operator, value: asked } of matchers) {
            if (OF_PROMETHEUS.has(label)) continue;
            expect([name, known]).toEqual([name, expect.arrayContaining([label])]);
            if (operator === '=') expect(text).toMatch(new RegExp(`^${name}\\{.*${label}="${asked}"`, 'm'));
          }
          if (metrics.length === 1)
            for (const label of grouping)
              if (!OF_PROMETHEUS.has(label))
                expect([name, known]).toEqual([name, expect.arrayContaining([label])]);
        }
      }
    });

    it('add up what tenants store, be there a series for each tenant or one for all of them', () => {
      const sums = drawn.filter((expression) =>
        readPromQL(expression).metrics.some(({ name }) => OF_TENANTS.has(name)),
      );
      expect(sums).toHaveLength(OF_TENANTS.size);
      for (const sum of sums)
        expect(sum).toMatch(/^sum(\(max by \(tenant\)| by \(kind\) \(max by \(kind, tenant\)) \(triptych_/);
    });

    // A breaker that is open is half open whenever it has a probe sent, every 30 s at the latest.
    it.each([
      ['closed', false],
      ['half-open', true],
      ['open', true],
    ])('tell of an embeddings server whose breaker is %s: %p', (state, isTold) => {
      const condition = alerts.find((expression) => expression.startsWith('triptych_embedding_breaker'));
      const [, label, wanted] = /\{state="([\w-]+)"\} == ([01])$/.exec(condition ?? '') ?? [];
      expect(Number(wanted) === (label === state ? 1 : 0)).toBe(isTold);
    });

    it('draw every metric that there is', async () => {
      const served = await service.app.get(Registry).getMetricsAsJSON();
      const ours = served.map(({ name }) => name).filter((name) => name.startsWith('triptych_'));
      expect(ours.filter((name) => !drawn.some((expression) => expression.includes(name)))).toEqual([]);
    });

    it('are a dashboard as Grafana takes one: panels beside each other, each from the data source that is chosen', () => {
      const { panels, schemaVersion, templating } = dashboard;
      expect(schemaVersion).toBeGreaterThanOrEqual(36);
      expect(dashboard.uid).toMatch(/^[\w-]{1,40}$/);
      expect(templating.list[0]).toMatchObject({
        name: 'datasource',
        type: 'datasource',
        query: 'prometheus',
      });
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      for (const { type, gridPos, title, datasource, targets = [] } of panels) {
        expect([title, ['row', 'stat', 'timeseries']]).toEqual([title, expect.arrayContaining([type])]);
        expect([gridPos.x >= 0, gridPos.x + gridPos.w <= 24, gridPos.h > 0]).toEqual([true, true, true]);
        if (type === 'row') continue;
        for (const source of [datasource, ...targets.map((target) => target.datasource)])
          expect(source).toEqual({ type: 'prometheus', uid: '${datasource}' });
        expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      }
      const overlaps = panels.flatMap((one, index) =>
        panels.slice(index + 1).filter((other) => isOver(one.gridPos, other.gridPos)),
      );
      expect(overlaps).toEqual([]);
    });

    it('are told of in the documentation', () => {
      const names = Array.from(
        textOf('deploy/prometheus/alerts.yaml').matchAll(/alert: (\w+)/g),
        ([, name = '']) => `\`${name}\``,
      );
      const told = tableRows('docs/observability.md').map(([name]) => name);
      expect(told.filter((name) => name?.startsWith('`Triptych'))).toEqual(names);
    });

    (hasPromtool ? it : it.skip)('are rules that Prometheus loads', () => {
      const { status, stderr } = spawnSync('promtool', ['check', 'rules', 'deploy/prometheus/alerts.yaml']);
      expect([status, stderr.toString()]).toEqual([0, '']);
    });
  });
});

describe('without metrics', () => {
  it('there is no such route, and nobody listens', async () => {
    const database = await embedded();
    const service = await TestService.start(database, { metrics: { enabled: false } });
    try {
      expect((await service.send('GET', '/metrics')).status).toBe(404);
      expect((await service.as('acme').get('/v1/sessions')).status).toBe(200);
      expect(() => service.app.get(Registry)).toThrow();
      const meter = service.app.get(Meter);
      for (const name of ['compile', 'recall', 'embedding', 'connection', 'receiptsLeftOut'] as const)
        expect([name, meter.start(name)]).toEqual([name, undefined]);
    } finally {
      await service.stop();
    }
  });
});

function isOver(one: GridPos, other: GridPos): boolean {
  const beside = one.x + one.w <= other.x || other.x + other.w <= one.x;
  return !beside && one.y < other.y + other.h && other.y < one.y + one.h;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('It did not come about within 20 s.');
    await sleep(20);
  }
}
