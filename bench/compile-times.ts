import type { WorkingContext } from '../src/working-context/working-context.js';
import type { Reads, ReadsByHand } from './compile-by-hand.js';
import { threadId } from './compile-data.js';
import { SYSTEM_PROMPT } from './compile-messages.js';
import type { CompileService } from './compile-triptych.js';
import { interleave, type Operation } from './interleave.js';
import { LIMIT } from './recall-contestants.js';
import type { MeasuredTenant, Question } from './recall-data.js';
import type { Comparison } from './suite.js';

/** One compile, or one part of it, on a thread of one length. */
export interface AtLength extends Comparison {
  readonly length: number;
  readonly what: 'compile' | 'history' | 'recall';
}

export interface TimesTask {
  readonly service: CompileService;
  readonly byHand: ReadsByHand;
  readonly tenant: MeasuredTenant;
  readonly questions: readonly Question[];
  readonly lengths: readonly number[];
  readonly iterations: number;
}

/** Messages and memories of the compile that is measured by itself. */
export const PURE = { messages: 50, memories: LIMIT };

export function compile(
  { context, tenants }: Pick<CompileService, 'context' | 'tenants'>,
  thread: string,
  { tenant, text }: Question,
): Promise<WorkingContext> {
  return tenants.run(tenant.id, () =>
    context.compileWorkingContext({
      threadId: thread,
      systemPrompt: SYSTEM_PROMPT,
      task: { description: text },
      memoryLimit: LIMIT,
    }),
  );
}

/** How many messages a compile keeps: what is read by hand is as much. */
export async function keptOf(service: CompileService, thread: string, question: Question): Promise<number> {
  const { messages, degraded, receipt } = await compile(service, thread, question);
  const memories = receipt.items.filter(({ tier, decision }) => tier === 'memory' && decision === 'kept');
  if (degraded.length > 0 || memories.length !== Math.min(LIMIT, question.tenant.rows))
    throw new Error(`A context has ${memories.length} memories: ${JSON.stringify(degraded)}.`);
  return messages.length;
}

/** All lengths take turns together, so that two lengths compare as well as two variants do. */
export async function measureCompiles(task: TimesTask): Promise<AtLength[]> {
  const { service, byHand, questions, lengths, iterations } = task;
  const { tenants, sessions, memory } = service;
  const ways: Record<string, Operation> = {};
  const rows: Omit<AtLength, 'timings'>[] = [];
  const add = (row: Omit<AtLength, 'timings'>, operations: Record<string, Operation>): void => {
    rows.push(row);
    for (const [name, operation] of Object.entries(operations)) ways[`${name} ${row.operation}`] = operation;
  };
  for (const length of lengths) {
    const thread = threadId(length);
    const messages = await keptOf(service, thread, pick(questions, 0));
    const complete =
      (read: (reads: Reads) => Promise<[readonly unknown[], readonly unknown[]]>): Operation =>
      async (sample) => {
        const found = await read(readsOf(thread, messages, pick(questions, sample)));
        const [said, known] = found.map((of) => of.length);
        if (said !== messages || known !== Math.min(LIMIT, task.tenant.rows))
          throw new Error(`By hand there were ${said} messages and ${known} memories.`);
      };
    add(
      { length, what: 'compile', operation: `compile, thread of ${count(length)}`, callers: 1 },
      {
        Triptych: (sample) => compile(service, thread, pick(questions, sample)),
        'in turn': complete((reads) => byHand.inTurn(reads)),
        'at once': complete((reads) => byHand.atOnce(reads)),
      },
    );
    if (length !== lengths.at(-1)) continue;
    add(
      { length, what: 'history', operation: `${messages} messages of ${count(length)} alone`, callers: 1 },
      {
        Triptych: () =>
          tenants.run(task.tenant.id, () => sessions.getSessionMessages(thread, { limit: messages })),
        'in turn': (sample) => byHand.newest(readsOf(thread, messages, pick(questions, sample))),
      },
    );
    add(
      { length, what: 'recall', operation: `${LIMIT} memories alone`, callers: 1 },
      {
        Triptych: (sample) =>
          tenants.run(task.tenant.id, () => memory.search(pick(questions, sample).text, { limit: LIMIT })),
        'in turn': (sample) => byHand.nearest(readsOf(thread, messages, pick(questions, sample))),
      },
    );
  }
  const timings = await interleave(ways, { iterations, callers: 1 });
  return rows.map((row) => ({
    ...row,
    timings: Object.fromEntries(
      ['Triptych', 'in turn', 'at once'].flatMap((name) => {
        const timing = timings[`${name} ${row.operation}`];
        return timing ? [[name, timing]] : [];
      }),
    ),
  }));
}

/** The compiler alone, on what `compileWorkingContext` hands to it. */
export async function measurePure({
  service,
  questions,
  lengths,
  iterations,
}: TimesTask): Promise<Comparison> {
  const thread = threadId(Math.max(...lengths));
  const input = await service.inputOf(() => compile(service, thread, pick(questions, 0)));
  const sessionMessages = input.sessionMessages.slice(-PURE.messages);
  const pure = { ...input, sessionMessages };
  const timings = await interleave(
    { Triptych: () => Promise.resolve(service.compiler.compile(pure)) },
    { iterations, callers: 1 },
  );
  return {
    operation: `compile ${sessionMessages.length} messages and ${input.relevantMemories.length} memories, without any read`,
    callers: 1,
    timings,
  };
}

export function readsOf(thread: string, messages: number, { tenant, vector }: Question): Reads {
  return { tenantId: tenant.id, threadId: thread, messages, vector, memories: LIMIT };
}

export function pick(questions: readonly Question[], sample: number): Question {
  const question = questions[sample % questions.length];
  if (!question) throw new Error('There is nothing to ask.');
  return question;
}

export function count(number: number): string {
  return number.toLocaleString('en');
}
