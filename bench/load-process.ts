import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOrder, LoadRequest, LoadResult } from './load.js';

/** Connections stay open between orders, as those of an SDK do: this is about requests, not about connecting. */
const agents = new Map<number, Agent>();

/** The process that {@link LoadProcess} starts: each message is an order, each answer its result. */
process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result));
});

async function run({ url, apiKey, requests, rate, seconds, connections }: LoadOrder): Promise<LoadResult> {
  const agent = agents.get(connections) ?? new Agent({ keepAlive: true, maxSockets: connections });
  agents.set(connections, agent);
  const times: Record<string, number[]> = {};
  const statuses: Record<string, number> = {};
  const waiting = new Set<Promise<void>>();
  let [due, sent, leftOut] = [0, 0, 0];
  const send = async (what: LoadRequest): Promise<void> => {
    const began = performance.now();
    const status = await statusOf(url, apiKey, agent, what);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (Number(status) < 400) (times[what.operation] ??= []).push(performance.now() - began);
  };
  const began = performance.now();
  const end = began + seconds * 1_000;
  for (let now = began; now < end; now = performance.now()) {
    for (; due <= ((now - began) / 1_000) * rate; due += 1) {
      const what = requests[due % requests.length];
      if (!what || waiting.size >= connections) {
        leftOut += 1;
        continue;
      }
      sent += 1;
      const answered = send(what).finally(() => waiting.delete(answered));
      waiting.add(answered);
    }
    await sleep(Math.max(1, Math.min(began + (due / rate) * 1_000, end) - performance.now()));
  }
  const taken = (performance.now() - began) / 1_000;
  await Promise.all(waiting);
  return { times, statuses, sent, leftOut, seconds: taken };
}

function statusOf(url: string, apiKey: string, agent: Agent, what: LoadRequest): Promise<string> {
  const { method, path, body } = what;
  const headers = {
    authorization: `Bearer ${apiKey}`,
    ...(body !== undefined && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }),
  };
  return new Promise((resolve) => {
    const sending = request(url + path, { method, agent, headers }, (response) => {
      response.resume();
      response.once('end', () => {
        resolve(String(response.statusCode));
      });
      response.once('error', () => {
        resolve('error');
      });
    });
    sending.once('error', () => {
      resolve('error');
    });
    sending.end(body);
  });
}
