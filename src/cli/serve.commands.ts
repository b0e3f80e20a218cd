import type { Command } from 'commander';
import { StartupError } from '../errors.js';
import type { CommandLine } from './command-line.js';
import { Refusal, statusOf } from './failure.js';
import type { Manner } from './terminal.js';

/** The service itself: as `node dist/src/main.js`, which stays what supervisors may start. */
export function serveCommand(line: CommandLine): Command {
  return withoutManners(line.command('serve'))
    .description('runs the service until it is told to stop by SIGTERM or SIGINT')
    .addHelpText(
      'after',
      `
It listens on HOST and PORT (127.0.0.1:3000), and says where on standard error. Its log goes to standard output.

Examples:
  $ triptych serve
  $ PORT=8080 DATABASE_URL=postgres://triptych@127.0.0.1/triptych AUTH_MODE=api-key triptych serve`,
    )
    .action(
      line.action(async () => {
        await import('../main.js');
        return undefined;
      }),
    );
}

/** MCP over standard input and output, for programs that start their tools as processes. */
export function mcpCommand(line: CommandLine): Command {
  return withoutManners(line.command('mcp'))
    .description('serves the MCP tools over standard input and output')
    .addHelpText(
      'after',
      `
With TRIPTYCH_URL it hands everything on to the /mcp of that service, with TRIPTYCH_API_KEY or TRIPTYCH_TENANT. Without,
it works on DATABASE_URL or on the embedded engine in DATA_DIR by itself, for the tenant TRIPTYCH_TENANT.

Examples:
  $ TRIPTYCH_TENANT=acme triptych mcp
  $ TRIPTYCH_URL=https://triptych.example.com TRIPTYCH_API_KEY=triptych_… triptych mcp`,
    )
    .action(
      line.action(async ({ surroundings }) => {
        const { serveMcpStdio } = await import('../mcp/mcp-stdio.js');
        const { environment, stdin: input, stdout: output } = surroundings;
        try {
          await serveMcpStdio(environment, { input, output });
        } catch (error) {
          throw notServed(error);
        }
        return undefined;
      }),
    );
}

/** These have no answer to print: what they say is the log's, or the protocol's. */
function withoutManners(command: Command): Command {
  return command
    .configureHelp({ ...command.configureHelp(), showGlobalOptions: false })
    .hook('preAction', () => {
      const { json, quiet, color } = command.optsWithGlobals<Manner>();
      if (json || quiet || color === false)
        command.error(
          `error: ${command.name()} takes none of --json, --quiet and --no-color: LOG_LEVEL and LOG_FORMAT are for its log.`,
        );
    });
}

/** A caller who is not let in, or a service that is not there: the cause of the refusal knows which. */
function notServed(error: unknown): unknown {
  if (!(error instanceof StartupError)) return error;
  const { status } = (error.cause ?? {}) as { status?: unknown };
  return typeof status === 'number' ? new Refusal(error.message, statusOf(status), { cause: error }) : error;
}
