import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { buffer as bytesOf } from 'node:stream/consumers';
import { isColorRefused } from '../config/terminal.js';
import type { BacklogPace } from '../memory/embedding-worker.js';
import { Refusal, STATUS, UsageError, type Status } from './failure.js';
import { plainText, visible } from './plain-text.js';

/** Where a command is run. */
export interface Surroundings {
  /** Where settings are read, as `loadOptions` does; undefined: of the process and its `.env`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  /** Of the work on a backlog of embeddings; the default when left out. */
  readonly pace?: BacklogPace;
}

/** A stream that a command writes to. */
export type Output = Writable & { readonly isTTY?: boolean };

/** What is asked of every command's output. */
export interface Manner {
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** False with `--no-color`. */
  readonly color?: boolean;
}

/** Stands for standard input, where the name of a file is expected. */
export const STANDARD_INPUT = '-';
const CLEAR_LINE = '\r\u001b[K';

/** How one command speaks: its answer has standard output to itself, all else goes to standard error. */
export class Terminal {
  readonly isJson: boolean;
  readonly hasColor: boolean;
  readonly #isQuiet: boolean;
  #isProgressShown = false;
  #isRead = true;

  constructor(
    readonly surroundings: Surroundings,
    { json = false, quiet = false, color = true }: Manner,
  ) {
    this.isJson = json;
    this.#isQuiet = quiet;
    const { stdout, environment } = surroundings;
    this.hasColor = color && stdout.isTTY === true && !isColorRefused(environment);
    stdout.on('error', () => (this.#isRead = false));
  }

  /** False once whoever read standard output is known to have closed it, as `head` does. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /**
   * Prints the answer of a command: as one JSON document, or as text for a person.
   * @param shown what of it a person is shown: an object of which each member is a line, a list of such, or a text
   */
  answer(answer: object, shown: object | string = answer): void {
    this.print(this.shown(answer, shown));
  }

  /** The text that {@link answer} prints. */
  shown(answer: object, shown: object | string = answer): string {
    if (this.isJson) return JSON.stringify(answer, null, 2);
    return visible(typeof shown === 'string' ? shown : plainText(shown));
  }

  /** Prints one of many, as soon as it is there: a line of JSON, or a text for a person. */
  item(item: object, shown: string): void {
    this.print(this.isJson ? JSON.stringify(item) : visible(shown));
  }

  /** Writes a line to standard output, control characters and all. */
  print(line: string): void {
    this.#endProgress();
    this.surroundings.stdout.write(`${line}\n`);
  }

  /** Writes a line to standard error, unless `--quiet`. */
  readonly tell = (line: string): void => {
    if (!this.#isQuiet) this.warn(line);
  };

  /** Writes a line to standard error. */
  readonly warn = (line: string): void => {
    this.#endProgress();
    this.surroundings.stderr.write(`${visible(line)}\n`);
  };

  /** Says how far long work is: on a terminal in the place of what it said before. */
  readonly progress = (line: string): void => {
    if (this.#isQuiet) return;
    const { stderr } = this.surroundings;
    if (stderr.isTTY !== true) stderr.write(`${line}\n`);
    else stderr.write(CLEAR_LINE + line);
    this.#isProgressShown = stderr.isTTY === true;
  };

  /**
   * Goes on when whoever is asked types the same word again.
   * @throws Refusal otherwise, or without a terminal
   */
  async confirm(question: string, word: string): Promise<void> {
    const { stdin } = this.surroundings;
    if (stdin.isTTY !== true) throw new Refusal('Nothing was done: without a terminal, say --yes.');
    const answer = await this.#ask(`${question} Type ${word} to go on: `);
    if (answer.trim() !== word) throw new Refusal(`Nothing was done: "${answer}" is not ${word}.`);
  }

  /** @throws Refusal when the question is answered by Ctrl+C, or by the end of the input */
  async #ask(question: string): Promise<string> {
    const { stdin: input, stderr: output } = this.surroundings;
    const lines = createInterface({ input, output });
    let status: Status = STATUS.failed;
    lines.on('SIGINT', () => {
      status = STATUS.interrupted;
      lines.close();
    });
    // A question that is not answered any more is rejected or, where standard error is no terminal, left as it is. One
    // that was answered by the last line of the input is so before it is over.
    const over = new Promise<undefined>((resolve) => {
      lines.once('close', () => setImmediate(resolve, undefined));
    });
    try {
      const answer = await Promise.race([lines.question(question).catch(() => undefined), over]);
      if (answer !== undefined) return answer;
    } finally {
      lines.close();
    }
    output.write('\n');
    throw new Refusal('Nothing was done.', status);
  }

  /**
   * The text of a file, or of standard input.
   * @throws UsageError when it is not UTF-8, or standard input is a terminal, on which nobody expects to write
   * @throws Refusal when the file is a folder
   */
  async read(file: string): Promise<string> {
    const { stdin } = this.surroundings;
    if (file === STANDARD_INPUT && stdin.isTTY === true)
      throw new UsageError('- is standard input, and that is this terminal: pipe a text in.');
    const bytes = file === STANDARD_INPUT ? await bytesOf(stdin) : bytesOfFile(file);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw new UsageError(`${file === STANDARD_INPUT ? 'Standard input' : file} is not UTF-8.`);
    }
  }

  /** A text that is an argument or, where that is «-», standard input, of which the end of the last line is none of it. */
  async text(given: string): Promise<string> {
    return given === STANDARD_INPUT ? (await this.read(given)).replace(/\r?\n$/, '') : given;
  }

  #endProgress(): void {
    if (this.#isProgressShown) this.surroundings.stderr.write(CLEAR_LINE);
    this.#isProgressShown = false;
  }
}

/** What a file holds; of a folder, the system's own error does not say which. */
function bytesOfFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
    throw new Refusal(`${file} is a folder, not a file.`, STATUS.failed, { cause: error });
  }
}
