import { InvalidArgumentError, type Command } from 'commander';
import { MAX_DIMENSIONS, MIN_DIMENSIONS } from '../config/dimensions.js';
import type { StatusAnswer } from '../memory/embedding-status.js';
import type { MigrateAnswer, MigrateRequest } from '../memory/migrate-embeddings.js';
import { wholeNumber, type CommandLine } from './command-line.js';
import { Refusal, STATUS, UsageError } from './failure.js';
import { settingsOf } from './settings.js';
import type { Terminal } from './terminal.js';

const AFTER = `
It works on DATABASE_URL or, without one, on the embedded engine in DATA_DIR, which no service may be using at the time.

Examples:
  $ triptych embeddings status --tenant acme
  $ triptych embeddings migrate --to text-embedding-3-large --dimensions 3072 --dry-run
  $ triptych embeddings drop --space text-embedding-3-small/1536`;

interface OfTenant {
  /** Undefined: all of them. */
  readonly tenant?: string;
}

/** The vectors of memories, on the database. */
export function embeddingsCommand(line: CommandLine): Command {
  const embeddings = line.command('embeddings').description('the vectors of memories');
  embeddings.addHelpText('after', AFTER);
  const of = (name: string): Command => {
    const command = line.command(name).option('--tenant <tenantId>', 'of this tenant; all when left out');
    embeddings.addCommand(command.addHelpText('after', AFTER));
    return command;
  };
  of('status')
    .description(
      'how many memories wait for vectors or are parked, and why; and in which space of vectors they are',
    )
    .action(
      line.action(async (terminal, { tenant: tenantId }: OfTenant) => {
        const options = await settingsOf(terminal);
        const { embeddingStatus, withMemories } = await import('../memory/embedding-status.js');
        const answer = await withMemories(options, (database) => embeddingStatus(database, { tenantId }));
        terminal.answer(answer, forPeople(answer));
        return undefined;
      }),
    );
  of('retry')
    .description('has parked memories tried again, as if they had never failed')
    .option('--memory <memoryId>', 'only this one of the tenant')
    .action(
      line.action(
        async (terminal, { tenant: tenantId, memory: memoryId }: OfTenant & { memory?: string }) => {
          if (memoryId !== undefined && tenantId === undefined)
            throw new UsageError('--memory needs --tenant.');
          const { validate: isUuid } = await import('uuid');
          if (memoryId !== undefined && !isUuid(memoryId))
            throw new UsageError('--memory must be the id of a memory.');
          const options = await settingsOf(terminal);
          const { retryParked, withMemories } = await import('../memory/embedding-status.js');
          const answer = await withMemories(options, (database) =>
            retryParked(database, { tenantId, memoryId }),
          );
          terminal.answer(answer);
          return undefined;
        },
      ),
    );
  of('migrate')
    .description('gives memories vectors of another model, tenant by tenant, while services go on')
    .requiredOption('--to <model>', 'the name of the model', notEmpty)
    .requiredOption(
      '--dimensions <n>',
      'the length of its vectors',
      wholeNumber(MIN_DIMENSIONS, MAX_DIMENSIONS),
    )
    .option('--allow-parked', 'a tenant with memories that cannot be embedded goes over too', false)
    .option('--dry-run', 'only counts', false)
    .addHelpText(
      'after',
      `
Each tenant is found by its new vectors once all of them are there. The vectors of before stay: the way back is the same
command. It can be interrupted, and goes on from there.`,
    )
    .action(line.action(migrate));
  of('drop')
    .description("removes the vectors of a space that is no tenant's any more, or not that one's")
    .requiredOption('--space <model/dimensions>')
    .action(line.action(drop));
  return embeddings;
}

interface MigrateOptions extends OfTenant {
  readonly to: string;
  readonly dimensions: number;
  readonly allowParked: boolean;
  readonly dryRun: boolean;
}

async function migrate(terminal: Terminal, options: MigrateOptions): Promise<number> {
  const { to: model, dimensions, tenant: tenantId, allowParked, dryRun } = options;
  const request: MigrateRequest = { model, dimensions, tenantId, allowParked, dryRun };
  const settings = await settingsOf(terminal);
  const { interruptible } = await import('../backup/interruption.js');
  const { tenantsWithMemories, withMemories } = await import('../memory/embedding-status.js');
  const { migrateEmbeddings } = await import('../memory/migrate-embeddings.js');
  const { progress, surroundings } = terminal;
  const interrupted = (name: 'SIGINT' | 'SIGTERM'): Refusal =>
    new Refusal(
      'Interrupted: the same command goes on from here.',
      name === 'SIGINT' ? STATUS.interrupted : STATUS.terminated,
    );
  const answer: MigrateAnswer = await withMemories(settings, (database) => {
    const room = { options: settings, database, pace: surroundings.pace, tell: progress };
    const tenantIds = (): Promise<string[]> => tenantsWithMemories(database);
    return interruptible((signal) => migrateEmbeddings({ ...room, tenantIds, signal }, request), interrupted);
  });
  terminal.answer(answer);
  return answer.blocked.length > 0 ? STATUS.failed : STATUS.done;
}

async function drop(
  terminal: Terminal,
  { tenant: tenantId, space }: OfTenant & { space: string },
): Promise<undefined> {
  const { parseVectorSpace, vectorSpaceOf } = await import('../embeddings/vector-space.js');
  if (!parseVectorSpace(space))
    throw new UsageError('--space must be a model and a length: model/dimensions.');
  const options = await settingsOf(terminal);
  const { createEmbedder } = await import('../embeddings/create-embedder.js');
  const { dropSpace } = await import('../memory/drop-space.js');
  const { tenantsWithMemories, withMemories } = await import('../memory/embedding-status.js');
  const answer = await withMemories(options, async (database) => {
    const tenantIds = tenantId === undefined ? await tenantsWithMemories(database) : [tenantId];
    return dropSpace(database, tenantIds, space, vectorSpaceOf(createEmbedder(options.embeddings)));
  });
  terminal.answer(answer);
  return undefined;
}

function forPeople({ tenants, memories, spaces, ...totals }: StatusAnswer): object {
  return [totals, ...spaces, ...(memories ?? tenants)];
}

function notEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}
