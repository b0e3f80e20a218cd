import { Option, type Command } from 'commander';
import type { NewMessage, StoredMessage } from 'triptych-client';
import { sendAll } from './batches.js';
import { wholeNumber, type CommandLine } from './command-line.js';
import { STATUS, UsageError } from './failure.js';
import { oneLine, table } from './plain-text.js';
import { asking, asksService, ON_THE_SERVICE, type ServiceOptions } from './service.js';
import { conversionCommands } from './session-maintenance.commands.js';
import { STANDARD_INPUT, type Terminal } from './terminal.js';

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function'];
const MOST_SHOWN = 100_000;
/** Of `show`, unless it is said how many. */
const SHOWN = 50;
const EXAMPLES = `

Examples:
  $ triptych session append support-17 --role user --content 'Where is my parcel?'
  $ jq .messages chat.json | triptych session append support-17 --file -
  $ triptych session show support-17 --limit 20
  $ triptych session list --json | jq -r .threadId
  $ triptych session clear support-17 --yes`;

/** Conversations: over REST, and what is done to threads on the database. */
export function sessionCommand(line: CommandLine): Command {
  const session = line.command('session').description('conversations: what was said in a thread');
  session.addHelpText('after', `${ON_THE_SERVICE} convert and prune work on the database.${EXAMPLES}`);
  const of = (name: string): Command => {
    const command = asksService(line.command(name)).addHelpText('after', ON_THE_SERVICE + EXAMPLES);
    session.addCommand(command);
    return command;
  };
  of('list')
    .description('the threads of the tenant, the last changed first')
    .option('--limit <n>', 'at most so many', wholeNumber(1, MOST_SHOWN))
    .action(line.action(list));
  of('show')
    .description('the messages of a thread, oldest first')
    .argument('<threadId>')
    .option('--limit <n>', `only the newest so many; ${SHOWN} when left out`, wholeNumber(1, MOST_SHOWN))
    .option('--all', 'all of them')
    .action(line.action(show));
  of('append')
    .description('appends messages to a thread; its first ones begin it')
    .argument('<threadId>')
    .addOption(new Option('--role <role>', 'who says it; user when left out').choices(ROLES))
    .option('--content <text>', `what is said; «${STANDARD_INPUT}»: standard input`)
    .option(
      '--file <file>',
      `messages as a JSON list or a line of JSON each; «${STANDARD_INPUT}»: standard input`,
    )
    .action(line.action(append));
  of('clear')
    .description('ends the session of a thread, and removes its messages for good')
    .argument('<threadId>')
    .option('--yes', 'without asking')
    .action(
      line.action(async (terminal, threadId: string, options: ServiceOptions & { yes?: boolean }) => {
        if (!options.yes)
          await terminal.confirm(`This removes the thread ${JSON.stringify(threadId)}, for good.`, threadId);
        await asking(terminal, options, ({ client, clearSession }) =>
          clearSession({ client, path: { threadId } }),
        );
        terminal.answer({ threadId, cleared: true }, `Cleared ${threadId}.`);
        return STATUS.done;
      }),
    );
  for (const command of conversionCommands(line)) session.addCommand(command);
  return session;
}

function list(terminal: Terminal, options: ServiceOptions & { limit?: number }): Promise<number> {
  return asking(terminal, options, async ({ client, eachSession }) => {
    let left = options.limit ?? Infinity;
    for await (const session of eachSession({ client, query: { limit: Math.min(left, 100) } })) {
      const { threadId, messageCount, updatedAt } = session;
      terminal.item(session, `${updatedAt}  ${String(messageCount).padStart(7)}  ${threadId}`);
      if ((left -= 1) <= 0 || !terminal.isRead) break;
    }
    return STATUS.done;
  });
}

async function show(
  terminal: Terminal,
  threadId: string,
  options: ServiceOptions & { limit?: number; all?: boolean },
): Promise<number> {
  if (options.all && options.limit !== undefined) throw new UsageError('Say --limit or --all.');
  const limit = options.all ? Infinity : (options.limit ?? SHOWN);
  return asking(terminal, options, async ({ client, eachMessage }) => {
    const messages = [];
    for await (const message of eachMessage({ client, threadId, pageSize: Math.min(limit, 100) })) {
      messages.unshift(message);
      if (messages.length >= limit) break;
    }
    for (const message of messages) terminal.item(message, textOf(message));
    return STATUS.done;
  });
}

interface AppendOptions extends ServiceOptions {
  readonly role?: NewMessage['role'];
  readonly content?: string;
  readonly file?: string;
}

/** What is told of a message that was appended. */
type Appended = Pick<StoredMessage, 'id' | 'seq' | 'tokens'>;

async function append(terminal: Terminal, threadId: string, options: AppendOptions): Promise<number> {
  const messages = await newMessages(terminal, options);
  return asking(terminal, options, async ({ client, appendMessages }) => {
    const stored: Appended[] = [];
    let version = 0;
    await sendAll(terminal, messages, ['messages', 'appended'], async (batch) => {
      const { data } = await appendMessages({ client, path: { threadId }, body: { messages: batch } });
      stored.push(...data.messages.map(({ id, seq, tokens }) => ({ id, seq, tokens })));
      version = data.version;
    });
    const rows = stored.map(({ seq, tokens, id }) => [seq, tokens, id]);
    terminal.answer({ threadId, version, messages: stored }, table([['seq', 'tokens', 'id'], ...rows]));
    return STATUS.done;
  });
}

async function newMessages(
  terminal: Terminal,
  { role, content, file }: AppendOptions,
): Promise<NewMessage[]> {
  if ((content === undefined) === (file === undefined))
    throw new UsageError('append needs --content or --file.');
  if (content !== undefined) return [{ role: role ?? 'user', content: await terminal.text(content) }];
  if (role !== undefined)
    throw new UsageError('--role is of --content; in a file each message says its own.');
  const { messagesOf } = await import('./message-file.js');
  return messagesOf(await terminal.read(file ?? STANDARD_INPUT));
}

/** A message for a person: who said it, and what. */
function textOf(message: { seq: number; role: string; content?: unknown; tool_calls?: unknown }): string {
  const { seq, role, content, tool_calls: calls } = message;
  const said = typeof content === 'string' ? content : content == null ? '' : JSON.stringify(content);
  const called = calls === undefined ? '' : `${said ? '\n' : ''}${oneLine(JSON.stringify(calls), 500)}`;
  return `#${seq} ${role}\n${said}${called}\n`;
}
