import { Command, InvalidArgumentError, type OptionValues } from 'commander';
import { Terminal, type Manner, type Surroundings } from './terminal.js';

/** What a command does: it speaks by the terminal, and answers its exit status unless that is 0. */
export type Work<Given extends unknown[]> = (
  terminal: Terminal,
  ...given: Given
) => Promise<number | undefined>;

/** One command line, from its words to the exit status. */
export class CommandLine {
  /** As the command that was run answered it. */
  status = 0;
  /** Where the usage of the command stands that was run. */
  hint = '';

  constructor(private readonly surroundings: Surroundings) {}

  /** A command, or a group of such, with the manners of them all. */
  command(name: string): Command {
    const { stdout, stderr } = this.surroundings;
    return new Command(name)
      .exitOverride()
      .configureOutput({
        writeOut: (text) => stdout.write(text),
        writeErr: (text) => stderr.write(text),
        outputError: (text, write) => {
          write(capitalised(text.replace(/^error: /, '')));
        },
      })
      .configureHelp({ showGlobalOptions: true, helpWidth: HELP_WIDTH })
      .helpOption('-h, --help', 'show this')
      .helpCommand(false)
      .showSuggestionAfterError(true)
      .showHelpAfterError('Add --help to see how it is used.');
  }

  /** What commander calls when a command is run: its arguments, then its options. */
  action<Given extends unknown[]>(work: Work<Given>): (...given: [...Given, Command]) => Promise<void> {
    return async (...given) => {
      const command = given.at(-1) as Command;
      this.hint = `See ${pathOf(command)} --help.`;
      const terminal = new Terminal(this.surroundings, command.optsWithGlobals<Manner & OptionValues>());
      this.status = (await work(terminal, ...(given.slice(0, -1) as Given))) ?? 0;
    };
  }
}

const HELP_WIDTH = 110;

/** @returns a reader of an argument that must be a whole number */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < minimum || value > maximum)
      throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
    return value;
  };
}

/** Collects an option that may be given more than once, each value once. */
export function collected(value: string, before: readonly string[] = []): string[] {
  return [...new Set([...before, value])];
}

/** As it is typed: `triptych tenant create`. */
function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
