import { Agent, request } from 'node:http';
import { threadId, type CompileData } from './compile-data.js';
import { SYSTEM_PROMPT } from './compile-messages.js';
import { questionsFor, questionsOn } from './compile-questions.js';
import type { RouteRequest } from './compile-route.js';
import { titleOf, type RatesAtLength } from './compile-rates.js';
import { keptOf, pick } from './compile-times.js';
import { MODEL, type CompileService } from './compile-triptych.js';
import { registerKeys } from './neighbour-tenants.js';
import { LIMIT } from './recall-contestants.js';
import { throughputOf } from './recall-throughput.js';
import { ServiceProcess } from './service-process.js';

/** Connections at the same time, each of which asks again as soon as it is answered. */
export const CONNECTIONS = 32;
const WINDOWS = 5;

/** The service and a bare route, each in a process of its own, asked in turn. */
export async function measureHttp({
  service,
  data,
  url,
  seconds,
  tell,
}: {
  service: CompileService;
  data: CompileData;
  url: string;
  seconds: number;
  tell: (line: string) => void;
}): Promise<RatesAtLength[]> {
  const tenants = [data.few, data.many];
  const keys = await registerKeys(
    url,
    tenants.map(({ id }) => id),
  );
  const asked = questionsFor(tenants.map(({ rows }) => rows));
  const triptych = await ServiceProcess.start(
    {
      ...asked,
      DATABASE_URL: url,
      AUTH_MODE: 'api-key',
      RATE_LIMIT: '0',
      TENANT_CONCURRENCY: '0',
      OPENAI_BASE_URL: MODEL.baseUrl,
      EMBEDDING_MODEL: MODEL.model,
      EMBEDDING_DIMENSIONS: String(MODEL.dimensions),
    },
    'bench/compile-service.js',
  );
  const route = await ServiceProcess.start({ ...asked, DATABASE_URL: url }, 'bench/compile-route.js');
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const length = Math.max(...data.lengths);
    const thread = threadId(length);
    const found: RatesAtLength[] = [];
    for (const [place, tenant] of tenants.entries()) {
      const questions = questionsOn(tenant.rows, service.embedder);
      const messages = await keptOf(service, thread, pick(questions, 0));
      const authorization = `Bearer ${keys[place] ?? ''}`;
      const ways = {
        Triptych: (sample: number) =>
          post(
            agent,
            `${triptych.url}/v1/context/compile`,
            { authorization },
            {
              threadId: thread,
              systemPrompt: SYSTEM_PROMPT,
              task: { description: pick(questions, sample).text },
              memoryLimit: LIMIT,
            },
          ),
        'bare route': (sample: number) => {
          const question = pick(questions, sample).text;
          const body: RouteRequest = {
            ...{ tenantId: tenant.id, threadId: thread, messages, memories: LIMIT, question },
          };
          return post(agent, `${route.url}/compile`, {}, body);
        },
      };
      const operation = `HTTP ${titleOf(length, tenant)}`;
      tell(`${operation}, ${CONNECTIONS} connections`);
      const rates = await throughputOf(ways, { callers: CONNECTIONS, seconds, windows: WINDOWS });
      found.push({ operation, length, memories: tenant.rows, rates });
    }
    return found;
  } finally {
    agent.destroy();
    await Promise.all([triptych.stop(), route.stop()]);
  }
}

/** Reads the answer to its end, and no more: to read JSON would cost both the same, and hide what they differ in. */
function post(agent: Agent, url: string, headers: Record<string, string>, body: object): Promise<void> {
  const json = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sending = request(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(json),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) resolve();
          else
            reject(
              new Error(`POST ${url}: ${response.statusCode ?? ''} ${Buffer.concat(chunks).toString()}`),
            );
        });
      },
    );
    sending.once('error', reject);
    sending.end(json);
  });
}
