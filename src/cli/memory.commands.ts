// Over 200 lines: eight commands, each a few lines of options and one call.
import { Option, type Command } from 'commander';
import type { ChangeMemoryRequest, MemoryEntry, SearchRequest, StoreMemoryRequest } from 'triptych-client';
import { sendAll } from './batches.js';
import { wholeNumber, type CommandLine } from './command-line.js';
import { STATUS, UsageError } from './failure.js';
import { oneLine } from './plain-text.js';
import { asking, asksService, ON_THE_SERVICE, type ServiceOptions } from './service.js';
import { STANDARD_INPUT, type Terminal } from './terminal.js';

/** As many as one search answers. */
const MOST_FOUND = 1_000;
const MOST_SHOWN = 1_000_000;
const LINE = 100;
const EXAMPLES = `

Examples:
  $ triptych memory add 'The shop opens at eight.' --agent support
  $ cat facts.ndjson | triptych memory add --file - --agent support
  $ triptych memory search 'when does the shop open' --limit 5
  $ triptych memory edit 0199c3b1-7c1e-7000-8000-5f1c2a3b4d5e --content 'The shop opens at nine.'
  $ triptych memory list --json | jq -r .content`;
const FROM_INPUT = `«${STANDARD_INPUT}»: standard input`;

/** What is known, over REST. */
export function memoryCommand(line: CommandLine): Command {
  const memory = line.command('memory').description('memories: what is known');
  memory.addHelpText('after', ON_THE_SERVICE + EXAMPLES);
  const of = (name: string): Command => {
    const command = asksService(line.command(name)).addHelpText('after', ON_THE_SERVICE + EXAMPLES);
    memory.addCommand(command);
    return command;
  };
  of('add')
    .description('stores a memory, or many of a file')
    .argument('[content]', FROM_INPUT)
    .option('--agent <agentId>', 'whose it is; of a file, of those that say nothing')
    .option('--metadata <json>', 'an object')
    .option('--file <file>', `memories as a JSON list or a line of JSON each; ${FROM_INPUT}`)
    .option('--deduplicate', 'counts a copy where the first one is, and does not store it again')
    .action(line.action(add));
  of('search')
    .description('the memories that answer a question, the best first')
    .argument('<query>', FROM_INPUT)
    .option('--limit <n>', 'at most so many', wholeNumber(1, MOST_FOUND))
    .option('--agent <agentId>', 'only of this agent')
    .option('--filter <json>', 'only those that match: see docs/filters.md')
    .addOption(
      new Option('--mode <mode>', 'by words, vectors, or both').choices(['hybrid', 'semantic', 'lexical']),
    )
    .option('--as-of <moment>', 'as they were then (ISO 8601)')
    .addOption(new Option('--scope <scope>', 'what is searched').choices(['memories', 'thread', 'both']))
    .option('--thread <threadId>', 'whose messages are searched, for the scopes thread and both')
    .action(line.action(search));
  of('list')
    .description('the memories of the tenant, the newest first')
    .option('--limit <n>', 'at most so many', wholeNumber(1, MOST_SHOWN))
    .option('--agent <agentId>', 'only of this agent')
    .addOption(
      new Option('--status <status>', 'only with vectors in this state').choices([
        'ready',
        'pending',
        'parked',
      ]),
    )
    .action(line.action(list));
  of('get')
    .description('one memory')
    .argument('<memoryId>')
    .option('--as-of <moment>', 'as it was then (ISO 8601)')
    .action(
      line.action((terminal, memoryId: string, options: ServiceOptions & { asOf?: string }) =>
        asking(terminal, options, async ({ client, getMemory }) => {
          const query = options.asOf === undefined ? {} : { asOf: options.asOf };
          const { data } = await getMemory({ client, path: { memoryId }, query });
          terminal.answer(data);
          return STATUS.done;
        }),
      ),
    );
  of('history')
    .description('what a memory said before, the newest first')
    .argument('<memoryId>')
    .action(
      line.action((terminal, memoryId: string, options: ServiceOptions) =>
        asking(terminal, options, async ({ client, getMemoryHistory }) => {
          const { data } = await getMemoryHistory({ client, path: { memoryId } });
          terminal.answer(data, data.revisions);
          return STATUS.done;
        }),
      ),
    );
  of('edit')
    .description('changes a memory; what it said before stays in its history')
    .argument('<memoryId>')
    .option('--content <text>', `what it says; ${FROM_INPUT}`)
    .option('--metadata <json>', 'an object, in the place of the one it has')
    .option('--retract', 'takes it out of recall without deleting it')
    .option('--restore', 'brings it back')
    .action(line.action(edit));
  of('delete')
    .description('deletes a memory and its history, for good')
    .argument('<memoryId>')
    .action(
      line.action((terminal, memoryId: string, options: ServiceOptions) =>
        asking(terminal, options, async ({ client, deleteMemory }) => {
          await deleteMemory({ client, path: { memoryId } });
          terminal.answer({ memoryId, deleted: true }, `Deleted ${memoryId}.`);
          return STATUS.done;
        }),
      ),
    );
  return memory;
}

interface AddOptions extends ServiceOptions {
  readonly agent?: string;
  /** A JSON object. */
  readonly metadata?: string;
  readonly file?: string;
  readonly deduplicate?: boolean;
}

async function add(terminal: Terminal, content: string | undefined, options: AddOptions): Promise<number> {
  const { agent, file, deduplicate = false } = options;
  if ((content === undefined) === (file === undefined))
    throw new UsageError('add needs a content or --file.');
  const metadata = await objectOf(options.metadata, '--metadata');
  if (file !== undefined) {
    const { memoriesOf } = await import('./memory-file.js');
    const defaults = { ...(agent !== undefined && { agentId: agent }), ...(metadata && { metadata }) };
    return addAll(terminal, memoriesOf(await terminal.read(file), defaults), options);
  }
  if (agent === undefined) throw new UsageError('add needs --agent.');
  const text = await terminal.text(content ?? '');
  return asking(terminal, options, async ({ client, storeMemory }) => {
    const body = { agentId: agent, content: text, ...(metadata && { metadata }), deduplicate };
    const { data } = await storeMemory({ client, body });
    terminal.answer(data);
    return STATUS.done;
  });
}

function addAll(
  terminal: Terminal,
  memories: readonly StoreMemoryRequest[],
  options: AddOptions,
): Promise<number> {
  return asking(terminal, options, async ({ client, storeMemories }) => {
    const deduplicate = options.deduplicate ?? false;
    await sendAll(terminal, memories, ['memories', 'stored'], async (batch) => {
      const { data } = await storeMemories({ client, body: { memories: batch, deduplicate } });
      for (const memory of data.memories) terminal.item(memory, shortOf(memory));
    });
    return STATUS.done;
  });
}

interface SearchOptions extends ServiceOptions {
  readonly limit?: number;
  readonly agent?: string;
  /** A JSON object. */
  readonly filter?: string;
  readonly mode?: NonNullable<SearchRequest['mode']>;
  readonly asOf?: string;
  readonly scope?: NonNullable<SearchRequest['scope']>;
  readonly thread?: string;
}

async function search(terminal: Terminal, query: string, options: SearchOptions): Promise<number> {
  const { limit, agent: agentId, mode, asOf, scope, thread: threadId } = options;
  const filter = await objectOf(options.filter, '--filter');
  const given = { limit, agentId, filter, mode, asOf, scope, threadId };
  const body = { query: await terminal.text(query), ...defined(given) } as SearchRequest;
  return asking(terminal, options, async ({ client, searchMemories }) => {
    const { data } = await searchMemories({ client, body });
    const lines = data.results.map((result) => {
      const { score, scores } = result;
      const found =
        'memory' in result
          ? `${result.memory.memoryId}  ${oneLine(result.memory.content, LINE)}`
          : `${result.threadId} #${result.message.seq}  ${oneLine(JSON.stringify(result.message.content), LINE)}`;
      return `${score.toFixed(4)}  words ${shown(scores.lexical)}  vectors ${shown(scores.semantic)}  ${found}`;
    });
    for (const { code, detail } of data.degraded) terminal.warn(`${code}: ${detail}`);
    terminal.answer(data, lines.join('\n') || 'None.');
    return STATUS.done;
  });
}

interface ListOptions extends ServiceOptions {
  readonly limit?: number;
  readonly agent?: string;
  readonly status?: 'ready' | 'pending' | 'parked';
}

function list(terminal: Terminal, options: ListOptions): Promise<number> {
  const { agent: agentId, status: embeddingStatus } = options;
  return asking(terminal, options, async ({ client, eachMemory }) => {
    let left = options.limit ?? Infinity;
    const query = { limit: Math.min(left, 100), ...defined({ agentId, embeddingStatus }) };
    for await (const memory of eachMemory({ client, query })) {
      terminal.item(memory, shortOf(memory));
      if ((left -= 1) <= 0 || !terminal.isRead) break;
    }
    return STATUS.done;
  });
}

interface EditOptions extends ServiceOptions {
  readonly content?: string;
  /** A JSON object. */
  readonly metadata?: string;
  readonly retract?: boolean;
  readonly restore?: boolean;
}

async function edit(terminal: Terminal, memoryId: string, options: EditOptions): Promise<number> {
  const { content, retract, restore } = options;
  if (retract && restore) throw new UsageError('Say --retract or --restore.');
  const metadata = await objectOf(options.metadata, '--metadata');
  const body: ChangeMemoryRequest = {
    ...(content !== undefined && { content: await terminal.text(content) }),
    ...(metadata && { metadata }),
    ...((retract || restore) && { retracted: retract === true }),
  };
  if (Object.keys(body).length === 0)
    throw new UsageError('edit needs --content, --metadata, --retract or --restore.');
  return asking(terminal, options, async ({ client, changeMemory }) => {
    const { data } = await changeMemory({ client, path: { memoryId }, body });
    terminal.answer(data);
    return STATUS.done;
  });
}

/** An option that is a JSON object, if it is given. */
async function objectOf(
  text: string | undefined,
  option: string,
): Promise<Record<string, unknown> | undefined> {
  if (text === undefined) return undefined;
  const { jsonObjectOf } = await import('./json-text.js');
  return jsonObjectOf(text, option);
}

function shortOf({ memoryId, agentId, content }: MemoryEntry): string {
  return `${memoryId}  ${agentId}  ${oneLine(content, LINE)}`;
}

function shown(score: number | null): string {
  return score === null ? '–' : score.toFixed(3);
}

function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
