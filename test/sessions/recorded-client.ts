import type { ServiceProcess } from '../support/service-process.js';
import type { Answer, FinalRead, History } from './history.js';

type AnswerKind = Answer['outcome'];

interface Page {
  readonly version: number;
  readonly messages: readonly { readonly seq: number; readonly content: string }[];
  readonly nextBefore: number | null;
}

/**
 * Appends over REST and notes in the history what became of it.
 * @returns how it was answered; undefined when it was not, or with a 5xx
 */
export async function append(
  history: History,
  service: ServiceProcess,
  tenant: string,
  thread: string,
  contents: readonly string[],
): Promise<AnswerKind | undefined> {
  const messages = contents.map((content) => ({ role: 'user', content }));
  const noted = history.invoke(thread, contents);
  try {
    const { status, body } = await service.send(tenant, 'POST', `/v1/sessions/${thread}/messages`, {
      messages,
    });
    if (status >= 500) return undefined;
    if (status !== 201) {
      noted.refuse();
      return 'refused';
    }
    const { version, messages: stored } = body as Page;
    noted.acknowledge({ version, seqs: stored.map(({ seq }) => seq) });
    return 'acknowledged';
  } catch {
    // The service may have carried it out all the same, and the checker allows for that.
    return undefined;
  }
}

/** All of a thread, page by page; empty when there is no such thread. */
export async function readWhole(service: ServiceProcess, tenant: string, thread: string): Promise<FinalRead> {
  let messages: Page['messages'] = [];
  let version = 0;
  for (let before: number | null | undefined; before !== null;) {
    const query = before === undefined ? 'limit=1000' : `limit=1000&before=${before}`;
    const { status, body } = await service.send(tenant, 'GET', `/v1/sessions/${thread}/messages?${query}`);
    if (status === 404) break;
    if (status !== 200)
      throw new Error(`Reading ${thread} was answered with ${status}: ${JSON.stringify(body)}`);
    const page = body as Page;
    messages = [...page.messages.map(({ seq, content }) => ({ seq, content })), ...messages];
    version ||= page.version;
    before = page.nextBefore;
  }
  return { thread, version, messages };
}

/** Runs all tasks, in their order, at most `limit` of them at once. */
export async function runBounded(limit: number, tasks: readonly (() => Promise<unknown>)[]): Promise<void> {
  const rest = tasks.values();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const task of rest) await task();
    }),
  );
}
