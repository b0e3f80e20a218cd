import { Readable, Writable } from 'node:stream';
import { runTriptych } from '../../src/cli/program.js';
import type { Surroundings } from '../../src/cli/terminal.js';

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a shell gives a command, where it is not nothing. */
export interface Given {
  /** What is piped in. */
  readonly stdin?: string;
  /** Standard streams are a terminal. */
  readonly isTerminal?: boolean;
  readonly pace?: Surroundings['pace'];
}

/** The command `triptych` in this process: a process of its own takes seconds to begin. */
export async function triptych(
  environment: NodeJS.ProcessEnv,
  args: readonly string[],
  { stdin = '', isTerminal = false, pace }: Given = {},
): Promise<Outcome> {
  const [stdout, stderr] = [new Captured(isTerminal), new Captured(isTerminal)];
  const input = Object.assign(Readable.from(stdin === '' ? [] : [stdin]), { isTTY: isTerminal });
  const surroundings = { environment, stdin: input, stdout, stderr, ...(pace && { pace }) };
  const status = await runTriptych(args, surroundings);
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** Takes what is written. */
class Captured extends Writable {
  text = '';

  constructor(readonly isTTY: boolean) {
    super();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
