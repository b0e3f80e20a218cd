import type { Command } from 'commander';
import type { ConvertAnswer } from '../session/convert-threads.js';
import type { OperatorRoom } from '../session/operator-room.js';
import type { PruneAnswer } from '../session/prune-threads.js';
import { collected, wholeNumber, type CommandLine } from './command-line.js';
import { STATUS, UsageError } from './failure.js';
import { settingsOf } from './settings.js';
import type { Terminal } from './terminal.js';

const AFTER = `
It works on DATABASE_URL or, without one, on the embedded engine in DATA_DIR, which no service may be using at the time.

Examples:
  $ triptych session convert --tenant acme --from-schema public --dry-run
  $ triptych session prune --tenant acme --all --keep 10`;

interface OfTenant {
  readonly tenant: string;
  readonly thread?: string[];
}

/** What is done to the threads of a tenant on the database, whether a service runs or not. */
export function conversionCommands(line: CommandLine): Command[] {
  const of = (name: string): Command =>
    line
      .command(name)
      .requiredOption('--tenant <tenantId>')
      .option('--thread <threadId>', 'this one; may be given more than once', collected)
      .addHelpText('after', AFTER);
  return [
    of('convert')
      .description("takes over threads that LangGraph's own PostgresSaver wrote, each whole or not at all")
      .option('--from-schema <name>', 'where they are', 'public')
      .option('--from-url <url>', 'another database, which is only read')
      .option('--dry-run', 'does all of it, and takes it back', false)
      .action(
        line.action(
          (terminal, options: OfTenant & { fromSchema: string; fromUrl?: string; dryRun: boolean }) => {
            const { thread: threadIds = [], fromSchema, fromUrl, dryRun } = options;
            return onThreads(terminal, options, async (room) => {
              const { convertThreads } = await import('../session/convert-threads.js');
              return convertThreads(room, { threadIds, fromSchema, fromUrl, dryRun });
            });
          },
        ),
      ),
    of('prune')
      .description('drops all but the newest checkpoints of threads; messages and newest states stay')
      .option('--all', 'of every thread')
      .option('--keep <n>', 'so many stay', wholeNumber(1, 999_999), 1)
      .action(
        line.action((terminal, options: OfTenant & { all?: boolean; keep: number }) => {
          const { thread, all, keep } = options;
          if ((thread !== undefined) === (all === true))
            throw new UsageError('prune needs --thread or --all.');
          return onThreads(terminal, options, async (room) => {
            const { pruneThreads } = await import('../session/prune-threads.js');
            return pruneThreads(room, { threadIds: thread ?? [], keep });
          });
        }),
      ),
  ];
}

async function onThreads(
  terminal: Terminal,
  { tenant: tenantId }: OfTenant,
  work: (room: OperatorRoom) => Promise<ConvertAnswer | PruneAnswer>,
): Promise<number> {
  const options = await settingsOf(terminal);
  const { asOperator } = await import('../session/operator-room.js');
  const { tell, warn } = terminal;
  const answer = await asOperator({ options, tenantId, tell, warn }, work);
  // Each problem was told when it was met.
  const { problems: _problems, ...shown } = answer;
  terminal.answer(answer, shown);
  return answer.failed === 0 ? STATUS.done : STATUS.failed;
}
