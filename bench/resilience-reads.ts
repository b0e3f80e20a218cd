import { setTimeout as sleep } from 'node:timers/promises';
import { timingOf } from './interleave.js';
import { LoadProcess, type LoadRequest, type LoadResult } from './load.js';
import { registerTenants, type Tenant } from './neighbour-tenants.js';
import { memoryText } from './recall-texts.js';
import type { ProviderProcess } from './resilience-provider.js';
import type { Bench, Comparison } from './suite.js';

/** Requests per second: reads of sessions by one tenant, stores and searches by another. */
const RATE = { reads: 50, others: 20 };
const CONNECTIONS = { reads: 32, others: 256 };
/** In an order in which neither comes later than the other on average. */
const WINDOWS = ['answers', 'hangs', 'hangs', 'answers', 'answers', 'hangs', 'hangs', 'answers'] as const;
type Kind = (typeof WINDOWS)[number];
/** The load begins before the window and goes on after it. */
const MARGIN_S = 1;
const WARM_UP_S = 2;

/** Reads of sessions over HTTP, beside stores and searches whose provider answers, or hangs. */
export async function readsBesideProvider(
  url: string,
  provider: ProviderProcess,
  { effort, tell }: Pick<Bench, 'effort' | 'tell'>,
): Promise<{ reads: Comparison; notes: string[] }> {
  const service = await provider.serve(url);
  const [reader, writer] = [new LoadProcess(), new LoadProcess()];
  try {
    const [quiet, busy] = (await registerTenants({ databaseUrl: url, serviceUrl: service.url }, [
      'reader',
      'writer',
    ])) as [Tenant, Tenant];
    const reading = (seconds: number): Promise<LoadResult> =>
      reader.run({
        url: service.url,
        apiKey: quiet.apiKey,
        requests: quiet.requests.filter(({ operation }) => operation === 'read 50 messages'),
        rate: RATE.reads,
        connections: CONNECTIONS.reads,
        seconds,
      });
    const writing = (seconds: number): Promise<LoadResult> =>
      writer.run({
        url: service.url,
        apiKey: busy.apiKey,
        requests: [storeRequest(), ...busy.requests.filter(({ operation }) => operation === 'search')],
        rate: RATE.others,
        connections: CONNECTIONS.others,
        seconds,
      });
    await Promise.all([reading(WARM_UP_S), writing(WARM_UP_S)]);
    const results: Record<Kind, LoadResult[]> = { answers: [], hangs: [] };
    const others: Record<Kind, LoadResult[]> = { answers: [], hangs: [] };
    for (const [number, kind] of WINDOWS.entries()) {
      tell(
        `session reads, window ${number + 1} of ${WINDOWS.length}, ${effort.seconds} s: the provider ${kind}`,
      );
      await provider.behave(kind);
      const beside = writing(effort.seconds + 2 * MARGIN_S);
      await sleep(MARGIN_S * 1_000);
      results[kind].push(await reading(effort.seconds));
      // What hangs is answered in the end, and nothing of it reaches into the next window.
      await provider.behave('answers');
      others[kind].push(await beside);
    }
    const times = (kind: Kind): number[] =>
      results[kind].flatMap((result) => Object.values(result.times).flat());
    return {
      reads: {
        operation: `read 50 messages over HTTP, ${RATE.reads}/s`,
        timings: { Triptych: timingOf(times('hangs')), 'provider answers': timingOf(times('answers')) },
      },
      notes: [
        p99s(results),
        `Stores and searches beside them, ${RATE.others}/s: ${statuses(others.answers)} while it answers; ` +
          `${statuses(others.hangs)} while it hangs.`,
      ],
    };
  } finally {
    await Promise.allSettled([reader.stop(), writer.stop()]);
    await service.stop();
  }
}

function storeRequest(): LoadRequest {
  return {
    operation: 'store a memory',
    method: 'POST',
    path: '/v1/memories',
    body: JSON.stringify({ agentId: 'agent', content: memoryText(1) }),
  };
}

function p99s(results: Readonly<Record<Kind, readonly LoadResult[]>>): string {
  const of = (kind: Kind): string =>
    results[kind].map(({ times }) => timingOf(Object.values(times).flat()).p99.toFixed(1)).join(', ');
  return `p99 of each window: ${of('answers')} while it answers; ${of('hangs')} while it hangs.`;
}

function statuses(results: readonly LoadResult[]): string {
  const counts: Record<string, number> = {};
  for (const result of results)
    for (const [status, count] of Object.entries(result.statuses))
      counts[status] = (counts[status] ?? 0) + count;
  return Object.entries(counts)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', ');
}
