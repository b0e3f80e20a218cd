import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { checkOptions } from '../src/config/load-options.js';
import { createApp } from '../src/create-app.js';
import { DemoClient, DemoError, type Memory } from './demo-client.js';
import { CONVERSATION, SYSTEM_PROMPT, TASK } from './demo-conversation.js';
import { FACTS, QUESTIONS } from './demo-knowledge.js';
import { DemoReport } from './demo-report.js';

const HELP = `The whole job of Triptych on one long conversation, printed for a person to read.

Usage: npm run demo -- [--url URL] [--keep]

  --url URL   a running service, such as http://127.0.0.1:3000; default: TRIPTYCH_URL,
              or else a service of its own, in memory, on a free port, gone at the end
  --keep      leave the thread and the memories in the running service
  --help      this text
`;

export interface Terminal {
  write(text: string): void;
  writeError(text: string): void;
  colors: boolean;
  environment: NodeJS.ProcessEnv;
}

/** Runs the demo and answers the exit code: 0, or 1 with a reason on the error stream. */
export async function runDemo(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const { url, keep, help } = readArguments(args);
    if (help) terminal.write(HELP);
    else await onService(url ?? terminal.environment['TRIPTYCH_URL'], keep, terminal);
    return 0;
  } catch (error) {
    if (!(error instanceof DemoError)) throw error;
    terminal.writeError(`${error.message}\n`);
    return 1;
  }
}

function readArguments(args: readonly string[]): { url: string | undefined; keep: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return { url: values.url, keep: values.keep, help: values.help };
  } catch (error) {
    throw new DemoError(`${(error as Error).message}\n\n${HELP}`);
  }
}

async function onService(url: string | undefined, keep: boolean, terminal: Terminal): Promise<void> {
  if (url) {
    if (!URL.canParse(url)) throw new DemoError(`${url} is no URL; one is http://127.0.0.1:3000.`);
    await showJob(url.replace(/\/+$/, ''), keep, terminal);
    return;
  }
  terminal.writeError('Starting a service for this demo: embedded PostgreSQL, in memory …\n');
  const app = await createApp(
    checkOptions({ database: { dataDir: 'memory://' }, http: { port: 0 }, log: { level: 'silent' } }),
  );
  try {
    await app.listen(0, '127.0.0.1');
    await showJob(await app.getUrl(), true, terminal, 'started for this demo, gone at the end');
  } finally {
    await app.close();
  }
}

/** Says what was said, keeps what is known, asks for it, and compiles it for every model tier. */
async function showJob(url: string, keep: boolean, terminal: Terminal, note?: string): Promise<void> {
  const client = new DemoClient(url, 'demo');
  const report = new DemoReport(terminal.colors);
  await client.check();
  const { encoding, tiers } = await client.budgets();
  terminal.write(report.title([url, `tokens counted by ${encoding}`, ...(note ? [note] : [])].join(' · ')));

  const threadId = `birthday-${randomUUID().slice(0, 8)}`;
  const agentId = threadId;
  const memories: Memory[] = [];
  const appended = await client.append(threadId, CONVERSATION);
  try {
    terminal.write(`${report.session(appended)}\n`);

    const seqs = new Map(appended.messages.map(({ id, seq }) => [id, seq]));
    const facts = FACTS.map(({ content, from, speaker, occurredAt }) => {
      const seq = from === undefined ? undefined : seqs.get(from);
      return { agentId, content, source: { speaker, occurredAt, ...(seq && { threadId, seq }) } };
    });
    memories.push(...(await client.store(facts)));
    terminal.write(`${report.memory(memories)}\n`);
    for (const { query } of QUESTIONS)
      terminal.write(`${report.recall(query, await client.search(query, { agentId, limit: 3 }))}\n`);

    terminal.write(`${report.contextHeading(TASK)}\n`);
    const request = { threadId, agentId, systemPrompt: SYSTEM_PROMPT, task: { description: TASK } };
    let receiptId: string | undefined;
    for (const { tier } of tiers) {
      const context = await client.compile({ ...request, modelTier: tier });
      terminal.write(`${report.context(context)}\n${report.remembered(context, appended, memories)}\n`);
      receiptId = context.receipt.id;
    }
    // A service that keeps none gives them no id.
    if (receiptId !== undefined) terminal.write(`${report.receipt(await client.receipt(receiptId))}\n`);
  } finally {
    if (!keep) await client.remove(threadId, memories);
  }
  const left = note ? '' : keep ? ` The thread ${threadId} stays.` : ' What was stored is removed again.';
  terminal.write(
    report.closing(`Every line above came over REST; the routes are described at ${url}/docs.${left}`),
  );
}
