import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inSpan } from '../src/telemetry/spans.js';
import { interleave, type Operation } from './interleave.js';
import { memoryText, questionOn } from './recall-texts.js';
import { ratio } from './report.js';
import { withScratchDatabase } from './scratch-database.js';
import { ServiceProcess } from './service-process.js';
import type { Bench, Comparison, Findings, Suite } from './suite.js';
import { atMost } from './target.js';

const SUBJECT = 'metrics';
const OFF = 'off';
const TRACED = 'metrics and traces';
/** p50 with metrics over that without. */
const TARGET = 1.05;
const MEMORIES = 200;
const MESSAGES = 100;
const SCRAPED_EVERY_MS = 5_000;
/** Of one compile. */
const SPANS = 10;

/** What it costs to be observed. */
export const observability: Suite = {
  name: 'observability',
  question: 'What do metrics and traces cost a request?',
  variants: {
    [SUBJECT]: 'the service as it is, scraped every 5 s',
    [OFF]: 'METRICS=false, without an SDK of OpenTelemetry',
    [TRACED]: 'metrics, and every span sent to a collector on the same machine, OTLP over HTTP',
  },
  run: (bench) => withScratchDatabase(bench.server, (url) => measure(url, bench)),
};

async function measure(url: string, { effort, tell }: Bench): Promise<Findings> {
  const collector = createServer((asked, answer) => {
    asked.resume().once('end', () => answer.end());
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const settings = { DATABASE_URL: url, MIGRATE_ON_START: 'true', LOG_LEVEL: 'error' };
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const services: Record<string, ServiceProcess> = {};
  const agent = new Agent({ keepAlive: true });
  let scraping: NodeJS.Timeout | undefined;
  try {
    services[SUBJECT] = await ServiceProcess.start(settings);
    services[OFF] = await ServiceProcess.start({ ...settings, METRICS: 'false' });
    services[TRACED] = await ServiceProcess.start({ ...settings, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    const measured = services[SUBJECT].url;
    scraping = setInterval(
      () => void fetch(`${measured}/metrics`).then((answer) => answer.text()),
      SCRAPED_EVERY_MS,
    );
    tell(`${MEMORIES} memories and a thread of ${MESSAGES} messages`);
    await fill((path, body) => post(agent, measured + path, body));
    const comparisons: Comparison[] = [];
    for (const [operation, requestOf] of Object.entries(REQUESTS)) {
      tell(operation);
      const ways = Object.entries(services).map(([name, service], place): [string, Operation] => [
        name,
        (sample) => {
          const { path, body } = requestOf(sample, place);
          return post(agent, service.url + path, body);
        },
      ]);
      const timings = await interleave(Object.fromEntries(ways), {
        iterations: effort.iterations,
        callers: 1,
      });
      comparisons.push({ operation, callers: 1, timings });
    }
    return {
      surroundings: [`${MEMORIES} memories`, `a thread of ${MESSAGES} messages`, 'the built-in embedder'],
      comparisons,
      notes: [
        ...comparisons.map((comparison) =>
          atMost(`${comparison.operation}, p50 over off`, ratio(comparison, SUBJECT, OFF), TARGET),
        ),
        `${SPANS} spans without an SDK, as many as a compile has: ${(await idleSpans()).toFixed(1)} µs.`,
      ],
    };
  } finally {
    clearInterval(scraping);
    agent.destroy();
    await Promise.all(Object.values(services).map((service) => service.stop()));
    collector.closeAllConnections();
    collector.close();
  }
}

/** By the number of the sample and that of the service, which have a thread each to append to. */
const REQUESTS: Readonly<Record<string, (sample: number, place: number) => { path: string; body: object }>> =
  {
    'append a message': (sample, place) => ({
      path: `/v1/sessions/appended-${place}/messages`,
      body: { messages: [{ role: 'user', content: memoryText(sample) }] },
    }),
    search: (sample) => ({ path: '/v1/memories/search', body: { query: questionOn(sample % MEMORIES) } }),
    compile: (sample) => ({
      path: '/v1/context/compile',
      body: {
        threadId: 'compiled',
        systemPrompt: 'Answer briefly.',
        task: { description: questionOn(sample % MEMORIES) },
      },
    }),
  };

async function fill(send: (path: string, body: object) => Promise<void>): Promise<void> {
  const memories = Array.from({ length: MEMORIES }, (_, n) => ({ agentId: 'bench', content: memoryText(n) }));
  await send('/v1/memories/batch', { memories });
  const messages = Array.from({ length: MESSAGES }, (_, n) => ({
    role: n % 2 === 0 ? 'user' : 'assistant',
    content: memoryText(n),
  }));
  await send('/v1/sessions/compiled/messages', { messages });
}

/** Microseconds that the spans of a compile take where nobody listens. */
async function idleSpans(): Promise<number> {
  const rounds = 10_000;
  const round = async (): Promise<void> => {
    for (let span = 0; span < SPANS; span += 1) await inSpan('idle', () => Promise.resolve());
  };
  for (let warm = 0; warm < rounds / 10; warm += 1) await round();
  const began = performance.now();
  for (let each = 0; each < rounds; each += 1) await round();
  const spans = performance.now() - began;
  const bare = performance.now();
  for (let each = 0; each < rounds * SPANS; each += 1) await Promise.resolve();
  return ((spans - (performance.now() - bare)) * 1_000) / rounds;
}

/** Reads the answer to its end. */
function post(agent: Agent, url: string, body: object): Promise<void> {
  const json = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    'x-tenant-id': 'bench',
  };
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.once('error', reject);
      answer.once('end', () => {
        if ((answer.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`POST ${url}: ${answer.statusCode ?? ''}`));
      });
    });
    sending.once('error', reject);
    sending.end(json);
  });
}
