import fc from 'fast-check';
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { parseJson } from '../../src/database/parse-json.js';
import { ApiDocument } from './api-document.js';
import { findingsOf } from './answer-check.js';
import type { Credentials } from './credentials.js';
import { drafts, resolve, targetOf, type Draft, type Parts } from './fuzz-request.js';
import { KnownValues } from './known-values.js';
import { SchemaValues } from './schema-values.js';

export interface FuzzAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed JSON, or undefined when the answer is none. */
  readonly body: unknown;
}

/** One kind of thing that is wrong, with the shortest request that shows it. */
export interface Finding {
  readonly what: string;
  readonly operation: string;
  readonly request: string;
  readonly answer: string;
  times: number;
}

export interface FuzzReport {
  readonly findings: readonly Finding[];
  /** By operation: how many answers of each status. */
  readonly statuses: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/** Longer than any request takes that is answered at all. */
const ANSWER_WITHIN_MS = 60_000;

/** Sends so many requests, one after the other, each drawn from the seed and from what was answered before. */
export async function fuzz(
  { url, credentials }: { url: string; credentials: Credentials },
  { requests, seed }: { requests: number; seed: number },
): Promise<FuzzReport> {
  const client = new FuzzClient(url);
  const { body } = await client.send('GET', '/docs-json', {});
  const document = new ApiDocument(body);
  const known = new KnownValues();
  const findings = new Map<string, Finding>();
  const statuses = new Map<string, Map<number, number>>();
  const sendOne = async (draft: Draft): Promise<void> => {
    const { parts, verdict } = resolve(draft, known, credentials);
    const { name } = parts.operation;
    const sent = textOf(parts);
    const answer = await client
      .send(parts.operation.method, targetOf(parts), parts.headers, sent)
      .catch((error: unknown): FuzzAnswer => ({
        status: 0,
        headers: {},
        text: String(error),
        body: undefined,
      }));
    const counts = statuses.get(name) ?? new Map<number, number>();
    statuses.set(name, counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1));
    if (answer.status < 300) known.learn(name, answer.body, answer.headers);
    for (const what of findingsOf(document, parts, verdict, answer)) {
      const found = {
        ...{ what, operation: name, times: (findings.get(name + what)?.times ?? 0) + 1 },
        request: `${parts.operation.method} ${targetOf(parts)} ${JSON.stringify(headersShown(parts))} ${sent ?? ''} (${draft.mutation?.name ?? 'as documented'})`,
        answer: `${answer.status} ${answer.text}`.slice(0, 600),
      };
      const former = findings.get(name + what);
      if (former && former.request.length <= found.request.length) former.times += 1;
      else findings.set(name + what, found);
    }
  };
  try {
    await fc.assert(
      fc.asyncProperty(drafts(document.operations, new SchemaValues(document.schemas)), sendOne),
      {
        ...{ seed, numRuns: requests, endOnFailure: true },
      },
    );
  } finally {
    client.close();
  }
  return { findings: [...findings.values()], statuses };
}

function textOf({ body, text }: Parts): string | undefined {
  return text ?? (body === undefined ? undefined : JSON.stringify(body));
}

function headersShown({ headers }: Parts): object {
  const { authorization, ...others } = headers;
  return { ...others, ...(authorization === undefined && { authorization: 'none' }) };
}

/** Sends what `fetch` would put right or refuse: paths as they stand, and bodies of any form. */
class FuzzClient {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(private readonly url: string) {}

  send(method: string, target: string, headers: Parts['headers'], body?: string): Promise<FuzzAnswer> {
    const { hostname, port } = new URL(this.url);
    return new Promise((fulfil, reject) => {
      const sent = request(
        {
          ...{ hostname, port, method, path: target, agent: this.#agent, timeout: ANSWER_WITHIN_MS },
          headers: {
            ...headers,
            ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
          },
        },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (chunk: string) => (text += chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const { statusCode: status = 0 } = answer;
            fulfil({ status, headers: answer.headers, text, body: parsed(text) });
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`No answer within ${ANSWER_WITHIN_MS} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
