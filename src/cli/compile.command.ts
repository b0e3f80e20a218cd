import { Option, type Command } from 'commander';
import type { CompileContextRequest, WorkingContext } from 'triptych-client';
import { accountOf } from './compile-account.js';
import { wholeNumber, type CommandLine } from './command-line.js';
import { STATUS, UsageError } from './failure.js';
import { asking, asksService, ON_THE_SERVICE, type ServiceOptions } from './service.js';
import { STANDARD_INPUT, type Terminal } from './terminal.js';

interface CompileOptions extends ServiceOptions {
  readonly task: string;
  readonly system: string;
  readonly tier?: string;
  readonly agent?: string;
  readonly memoryLimit?: number;
  readonly model?: string;
  readonly spillOver?: boolean;
  readonly scope?: NonNullable<CompileContextRequest['recallScope']>;
  readonly prompt?: boolean;
  readonly format?: NonNullable<CompileContextRequest['format']>;
}

/** As many as one context takes. */
const MOST_MEMORIES = 1_000;

/** What a model would be shown now, over REST. */
export function compileCommand(line: CommandLine): Command {
  return asksService(line.command('compile'))
    .description('compiles the working context of a thread, and says where its tokens went')
    .argument('<threadId>')
    .requiredOption('--task <text>', `what the model is to do; «${STANDARD_INPUT}»: standard input`)
    .option('--system <text>', `the system prompt; «${STANDARD_INPUT}»: standard input`, '')
    .option('--tier <name>', 'the model tier; the default one of the service when left out')
    .option('--agent <agentId>', 'only memories of this agent')
    .option('--memory-limit <n>', 'at most so many memories', wholeNumber(0, MOST_MEMORIES))
    .option('--model <name>', 'the model whose tokens are counted')
    .option('--spill-over', 'what a section leaves unused goes to the next that needs it')
    .addOption(new Option('--scope <scope>', 'what is recalled').choices(['memories', 'thread', 'both']))
    .option('--prompt', 'prints the prompt itself, as JSON that is ready to be sent')
    .addOption(
      new Option('--format <form>', 'of the prompt; openai when left out').choices([
        'openai',
        'anthropic',
        'langchain',
      ]),
    )
    .addHelpText(
      'after',
      `${ON_THE_SERVICE}

Examples:
  $ triptych compile support-17 --task 'Answer the customer.' --system 'You are a support agent.'
  $ triptych compile support-17 --task 'Answer the customer.' --tier fast --prompt | jq .messages`,
    )
    .action(line.action(compile));
}

async function compile(terminal: Terminal, threadId: string, options: CompileOptions): Promise<number> {
  const { task, system, tier, agent, memoryLimit, model, spillOver, scope, prompt } = options;
  if (task === STANDARD_INPUT && system === STANDARD_INPUT)
    throw new UsageError('Only one of --task and --system can be standard input.');
  if (options.format !== undefined && !prompt)
    throw new UsageError('--format is of the prompt: add --prompt.');
  const { format = 'openai' } = options;
  const body: CompileContextRequest = {
    threadId,
    systemPrompt: await terminal.text(system),
    task: { description: await terminal.text(task) },
    ...(tier !== undefined && { modelTier: tier }),
    ...(agent !== undefined && { agentId: agent }),
    ...(memoryLimit !== undefined && { memoryLimit }),
    ...(model !== undefined && { model }),
    ...(spillOver && { spillOver }),
    ...(scope !== undefined && { recallScope: scope }),
    ...(prompt && { format }),
  };
  return asking(terminal, options, async ({ client, compileContext }) => {
    const { data } = await compileContext({ client, body });
    if (prompt) terminal.print(JSON.stringify(promptOf(data), null, 2));
    else terminal.answer(data, accountOf(data));
    return STATUS.done;
  });
}

function promptOf({ prompt }: WorkingContext): Record<string, unknown> {
  return prompt ?? {};
}
