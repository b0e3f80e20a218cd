import { CommanderError, type Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { backupCommands } from './backup.commands.js';
import { CommandLine } from './command-line.js';
import { compileCommand } from './compile.command.js';
import { doctorCommand } from './doctor.command.js';
import { embeddingsCommand } from './embeddings.commands.js';
import { failureOf, STATUS } from './failure.js';
import { memoryCommand } from './memory.commands.js';
import { migrateCommand } from './migrate.commands.js';
import { visible } from './plain-text.js';
import { mcpCommand, serveCommand } from './serve.commands.js';
import { sessionCommand } from './session.commands.js';
import { tenantCommand } from './tenant.commands.js';
import type { Surroundings } from './terminal.js';

const AFTER = `
Settings are variables of the environment or of a file .env: see .env.example. What asks a service finds it by TRIPTYCH_URL
(http://127.0.0.1:3000), and is let in by TRIPTYCH_API_KEY or, in development mode, by TRIPTYCH_TENANT.
The exit status is 0 when it is done, 1 when it failed or was refused, 2 when the command line is not understood, 3 when
there is no such thing, 4 when it is not allowed, and 5 when the service or the database is not there.

Examples:
  $ triptych serve
  $ triptych doctor
  $ TRIPTYCH_TENANT=acme triptych memory search 'when does the shop open'`;

/**
 * Runs one command of `triptych`. Each command loads what it needs when it is run, so that help and mistakes in the
 * command line are answered at once.
 * @param args without those of Node.js itself
 * @returns the exit status
 */
export async function runTriptych(
  args: readonly string[],
  surroundings: Surroundings = process,
): Promise<number> {
  const line = new CommandLine(surroundings);
  const program = createProgram(line);
  try {
    await program.parseAsync(args, { from: 'user' });
    return line.status;
  } catch (error) {
    // Commander has said what it is already.
    if (error instanceof CommanderError) return isHelp(error) ? STATUS.done : STATUS.usage;
    const { status, message } = failureOf(error);
    surroundings.stderr.write(`${visible(message)}\n`);
    if (status === STATUS.usage) surroundings.stderr.write(`${line.hint}\n`);
    return status;
  }
}

function createProgram(line: CommandLine): Command {
  const program = line
    .command('triptych')
    .description('The context service for LLM agents, and what its operators and users do from a shell.')
    .version(packageJson.version, '-V, --version', 'show the version')
    .option('--json', 'answer as one JSON document; a list that may be long, as a line of JSON for each')
    .option('--quiet', 'say nothing beside the answer but what went wrong')
    .option('--no-color', 'no colours, as with NO_COLOR')
    .addHelpText('after', AFTER);
  for (const command of [
    serveCommand(line),
    doctorCommand(line),
    migrateCommand(line),
    tenantCommand(line),
    sessionCommand(line),
    memoryCommand(line),
    compileCommand(line),
    ...backupCommands(line),
    embeddingsCommand(line),
    mcpCommand(line),
  ])
    program.addCommand(command);
  return program;
}

/** Help that was asked for; that which is shown because no command was named has the same code and another status. */
function isHelp({ exitCode }: CommanderError): boolean {
  return exitCode === 0;
}
