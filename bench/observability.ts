import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inSpan } from '../src/telemetry/spans.js';
import { interleavedTimes, timingOf, type Operation } from './interleave.js';
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
/** At most; in each the services are started anew. */
const ROUNDS = 8;

type Variant = readonly [name: string, settings: Readonly<Record<string, string>>];
/** Milliseconds by operation and variant. */
type Times = Record<string, Record<string, number[]>>;

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
  const variants: readonly Variant[] = [
    [SUBJECT, settings],
    [OFF, { ...settings, METRICS: 'false' }],
    [TRACED, { ...settings, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }],
  ];
  const rounds = Math.min(ROUNDS, effort.iterations);
  const times: Times = {};
  const agent = new Agent({ keepAlive: true });
  try {
    tell(`${MEMORIES} memories and a thread of ${MESSAGES} messages`);
    await withServices([[SUBJECT, settings]], async ({ [SUBJECT]: service }) => {
      await fill((path, body) => post(agent, `${service?.url ?? ''}${path}`, body));
    });
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      const iterations = Math.ceil(effort.iterations / rounds);
      await withServices(variants, (services) => measureRound(services, { agent, iterations, times }));
    }
  } finally {
    agent.destroy();
    collector.closeAllConnections();
    collector.close();
  }
  const comparisons = Object.entries(times).map(([operation, each]): Comparison => {
    const timings = Object.entries(each).map(([name, all]) => [name, timingOf(all)]);
    return { operation, callers: 1, timings: Object.fromEntries(timings) as Comparison['timings'] };
  });
  return {
    surroundings: [`${MEMORIES} memories`, `a thread of ${MESSAGES} messages`, 'the built-in embedder'],
    comparisons,
    notes: [
      `Each service was started anew ${rounds} times: processes of the same program differ by more than what is measured.`,
      ...comparisons.map((comparison) =>
        atMost(`${comparison.operation}, p50 over off`, ratio(comparison, SUBJECT, OFF), TARGET),
      ),
      `${SPANS} spans without an SDK, as many as a compile has: ${(await idleSpans()).toFixed(1)} µs.`,
    ],
  };
}

/** Starts the services at once, and stops them when `work` is done. */
async function withServices(
  variants: readonly Variant[],
  work: (services: Readonly<Record<string, ServiceProcess>>) => Promise<void>,
): Promise<void> {
  const started = await Promise.allSettled(
    variants.map(async ([name, settings]) => [name, await ServiceProcess.start(settings)] as const),
  );
  const services = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    await work(Object.fromEntries(services));
  } finally {
    await Promise.all(services.map(([, service]) => service.stop()));
  }
}

/** Adds what each operation takes in each service to `times`. */
async function measureRound(
  services: Readonly<Record<string, ServiceProcess>>,
  { agent, iterations, times }: { agent: Agent; iterations: number; times: Times },
): Promise<void> {
  const scraped = `${services[SUBJECT]?.url ?? ''}/metrics`;
  const scraping = setInterval(() => void fetch(scraped).then((answer) => answer.text()), SCRAPED_EVERY_MS);
  try {
    for (const [operation, requestOf] of Object.entries(REQUESTS)) {
      const ways = Object.entries(services).map(([name, service], place): [string, Operation] => [
        name,
        (sample) => {
          const { path, body } = requestOf(sample, place);
          return post(agent, service.url + path, body);
        },
      ]);
      const taken = await interleavedTimes(Object.fromEntries(ways), { iterations, callers: 1 });
      const all = (times[operation] ??= {});
      for (const [name, each] of Object.entries(taken)) (all[name] ??= []).push(...each);
    }
  } finally {
    clearInterval(scraping);
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
