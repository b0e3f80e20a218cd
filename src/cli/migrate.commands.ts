import type { Command } from 'commander';
import type { CommandLine } from './command-line.js';
import { Refusal } from './failure.js';
import { settingsOf } from './settings.js';
import type { Terminal } from './terminal.js';
import type { MigrationDataSource } from '../database/migration-data-source.js';

const AFTER = `
It works on DATABASE_URL as the owner of the schema or, without one, on the embedded engine in DATA_DIR, which no service
may be using at the time. Several may migrate at once: they take turns, and all but the first find nothing to do.

Examples:
  $ triptych migrate run
  $ triptych migrate show --json`;

/** The schema of the database. */
export function migrateCommand(line: CommandLine): Command {
  const migrate = line
    .command('migrate')
    .description('brings the schema of the database up to date, or back');
  migrate.addHelpText('after', AFTER);
  const of = (name: string): Command => {
    const command = line.command(name).addHelpText('after', AFTER);
    migrate.addCommand(command);
    return command;
  };
  of('run')
    .description("runs the migrations that are not done, LangGraph's tables included")
    .action(
      line.action((terminal) =>
        onSchema(terminal, async (owner) => {
          const names = (await owner.runMigrations()).map(({ name }) => name);
          terminal.answer({ done: names }, names.length > 0 ? names.join('\n') : 'Nothing to do.');
        }),
      ),
    );
  of('revert')
    .description('takes the newest migration back, with the data that it holds')
    .option('--yes', 'without asking')
    .action(
      line.action((terminal, options: { yes?: boolean }) => onSchema(terminal, revert(terminal, options))),
    );
  of('show')
    .description('lists the migrations; [X] is done')
    .action(
      line.action((terminal) =>
        onSchema(terminal, async (owner) => {
          const { migrationStates } = await import('../database/migration-state.js');
          const states = await migrationStates((sql) => owner.query(sql));
          const lines = states.map(({ name, isDone }) => `[${isDone ? 'X' : ' '}] ${name}`);
          terminal.answer({ migrations: states }, lines.join('\n'));
        }),
      ),
    );
  return migrate;
}

function revert(terminal: Terminal, { yes = false }: { yes?: boolean }) {
  return async (owner: MigrationDataSource): Promise<void> => {
    const { migrationStates } = await import('../database/migration-state.js');
    const newest = (await migrationStates((sql) => owner.query(sql))).findLast(({ isDone }) => isDone)?.name;
    if (newest === undefined) throw new Refusal('There is no migration to take back.');
    if (!yes) await terminal.confirm(`This takes back ${newest}, with the data that it holds.`, newest);
    await owner.undoLastMigration();
    terminal.answer({ reverted: newest }, newest);
  };
}

async function onSchema(
  terminal: Terminal,
  work: (owner: MigrationDataSource) => Promise<void>,
): Promise<undefined> {
  const options = await settingsOf(terminal);
  const { withSchema } = await import('../database/owner-database.js');
  await withSchema(options, work);
}
