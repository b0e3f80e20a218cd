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
  readonly stdin?: string | Buffer;
  /** Standard streams are a terminal; `input`: that one alone, as with `2> file`. */
  readonly isTerminal?: boolean | 'input';
  /** Whoever reads standard output closes it at once. */
  readonly isUnread?: boolean;
  readonly pace?: Surroundings['pace'];
}

/** The command `triptych` in this process: a process of its own takes seconds to begin. */
export async function triptych(
  environment: NodeJS.ProcessEnv,
  args: readonly string[],
  { stdin = '', isTerminal = false, isUnread = false, pace }: Given = {},
): Promise<Outcome> {
  const stdout = new Captured(isTerminal === true, isUnread);
  const stderr = new Captured(isTerminal === true);
  const input = Object.assign(Readable.from(stdin.length === 0 ? [] : [stdin]), {
    isTTY: isTerminal !== false,
  });
  const surroundings = { environment, stdin: input, stdout, stderr, ...(pace && { pace }) };
  const status = await runTriptych(args, surroundings);
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** Takes what is written. */
class Captured extends Writable {
  text = '';

  constructor(
    readonly isTTY: boolean,
    private readonly isUnread = false,
  ) {
    super({ autoDestroy: false });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.text += chunk.toString();
    done(this.isUnread ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : undefined);
  }
}
