import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { isColorRefused } from '../config/terminal.js';
import type { BacklogPace } from '../memory/embedding-worker.js';
import { Refusal, UsageError } from './failure.js';
import { plainText } from './plain-text.js';

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

  constructor(
    readonly surroundings: Surroundings,
    { json = false, quiet = false, color = true }: Manner,
  ) {
    this.isJson = json;
    this.#isQuiet = quiet;
    const { stdout, environment } = surroundings;
    this.hasColor = color && stdout.isTTY === true && !isColorRefused(environment);
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
    return typeof shown === 'string' ? shown : plainText(shown);
  }

  /** Prints one of many, as soon as it is there: a line of JSON, or a text for a person. */
  item(item: object, shown: string): void {
    this.print(this.isJson ? JSON.stringify(item) : shown);
  }

  /** Writes a line to standard output. */
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
    this.surroundings.stderr.write(`${line}\n`);
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
    const { stdin, stderr } = this.surroundings;
    if (stdin.isTTY !== true) throw new Refusal('Nothing was done: without a terminal, say --yes.');
    const lines = createInterface({ input: stdin, output: stderr });
    try {
      const answer = await lines.question(`${question} Type ${word} to go on: `);
      if (answer.trim() !== word) throw new Refusal(`Nothing was done: "${answer}" is not ${word}.`);
    } finally {
      lines.close();
    }
  }

  /**
   * The text of a file, or of standard input.
   * @throws UsageError when standard input is a terminal, on which nobody expects to write
   */
  async read(file: string): Promise<string> {
    if (file !== STANDARD_INPUT) return readFileSync(file, 'utf8');
    const { stdin } = this.surroundings;
    if (stdin.isTTY === true)
      throw new UsageError('- is standard input, and that is this terminal: pipe a text in.');
    return textOf(stdin);
  }

  #endProgress(): void {
    if (this.#isProgressShown) this.surroundings.stderr.write(CLEAR_LINE);
    this.#isProgressShown = false;
  }
}
