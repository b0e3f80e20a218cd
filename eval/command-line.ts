import { writeFileSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { StartupError } from '../src/errors.js';

/** What the commands that measure share: how they are called, where they speak and how they fail. */

/** Something that whoever started the run can put right; shown as its message, without a stack. */
export class UsageError extends Error {}

/** Where a run takes its settings from and where it speaks. */
export interface Surroundings {
  environment: NodeJS.ProcessEnv;
  print: (text: string) => void;
  /** What is no result: progress, and what went wrong. */
  tell: (text: string) => void;
}

export const PROCESS: Surroundings = {
  environment: process.env,
  print: (text) => process.stdout.write(text),
  tell: (text) => process.stderr.write(text),
};

/** Runs a command to its exit code: 1, and no stack, when its user can put right what went wrong. */
export async function exitCodeOf(
  command: () => Promise<void>,
  { tell }: Pick<Surroundings, 'tell'>,
): Promise<number> {
  try {
    await command();
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StartupError)) throw error;
    tell(`${error.message.trimEnd()}\n`);
    return 1;
  }
}

/**
 * @param script the npm script, to which the message refers
 * @throws UsageError
 */
export function readArguments<const Options extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: Options,
  script: string,
): ReturnType<typeof parseArgs<{ args: string[]; allowPositionals: true; options: Options }>> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nSee npm run ${script} -- --help.`);
  }
}

/** @throws UsageError when the option is given, and no whole number from 1 to 9,999,999 */
export function wholeNumber(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (!/^[1-9]\d{0,6}$/.test(given))
    throw new UsageError(`--${option} must be a whole number from 1, not ${JSON.stringify(given)}.`);
  return Number(given);
}

/** What `--json FILE` asks for. */
export function writeFigures(file: string | undefined, report: object): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}
