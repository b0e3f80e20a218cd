import { Logger } from '@nestjs/common';
import { TriptychError } from '../errors.js';

/** A command line that is not understood. */
export class UsageError extends Error {}

/** A command line that is understood. */
export interface Command {
  /** Answer as JSON. */
  readonly json: boolean;
}

export interface CommandLine<C extends Command> {
  readonly usage: string;
  /**
   * @returns nothing when help is asked for
   * @throws UsageError
   */
  parse(args: string[]): C | undefined;
  run(command: C): Promise<object>;
  /** Errors, beside our own, whose message is all that a person needs. */
  isExpected?(error: unknown): boolean;
  /** What of the answer a person is shown; all of it when left out. */
  forPeople?(answer: object): object;
  /** Whether the command writes to standard output itself; then its answer goes to standard error. */
  isBesideOutput?(command: C): boolean;
  /** Called once the answer is printed. */
  answered?(answer: object): void;
  /** The exit status of an answer; 0 when left out. */
  statusOf?(answer: object): number;
}

/**
 * Runs a command: its answer goes to standard output, all else to standard error.
 * @returns the exit status: 0 done, 1 refused, 2 not understood
 */
export async function runCommand<C extends Command>(args: string[], line: CommandLine<C>): Promise<number> {
  // The answer has standard output to itself, so that `--json` can be piped; audit lines go beside it.
  Logger.overrideLogger({ log: printLine, warn: printLine, error: printLine });
  try {
    const command = line.parse(args);
    if (!command) {
      console.log(line.usage);
      return 0;
    }
    const answer = await line.run(command);
    const text = command.json ? JSON.stringify(answer, null, 2) : asText(line.forPeople?.(answer) ?? answer);
    if (line.isBesideOutput?.(command)) console.error(text);
    else console.log(text);
    line.answered?.(answer);
    return line.statusOf?.(answer) ?? 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${line.usage}`);
      return 2;
    }
    const isExpected = error instanceof TriptychError || line.isExpected?.(error);
    console.error(isExpected ? (error as Error).message : error);
    return 1;
  }
}

/** One member a line; a list is separated by empty lines. */
function asText(answer: object): string {
  if (Array.isArray(answer)) return answer.map((item: object) => asText(item)).join('\n\n') || 'None.';
  const width = Math.max(10, ...Object.keys(answer).map(({ length }) => length)) + 2;
  return Object.entries(answer)
    .map(([name, value]) => `${name.padEnd(width)}${shown(value)}`)
    .join('\n');
}

function shown(value: unknown): string {
  if (value === null) return '–';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function printLine(message: unknown): void {
  console.error(JSON.stringify(message));
}
