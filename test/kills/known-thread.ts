import type { ServiceProcess } from '../support/service-process.js';
import { readWhole } from '../sessions/recorded-client.js';

export interface ThreadState {
  readonly version: number;
  readonly contents: readonly string[];
}

const NONE: ThreadState = { version: 0, contents: [] };

/** A thread of one writer, who appends to it and clears it by one request at a time. */
export class KnownThread {
  /** A request is under way, or was not answered. */
  isBusy = false;
  /** What it may be: one, unless a request was not answered. */
  states: readonly ThreadState[] = [NONE];

  constructor(
    readonly tenant: string,
    readonly threadId: string,
  ) {}

  get state(): ThreadState {
    return this.states[0] ?? NONE;
  }

  after(contents: readonly string[]): ThreadState {
    return { version: this.state.version + 1, contents: [...this.state.contents, ...contents] };
  }

  become(state: ThreadState = NONE): void {
    this.states = [state];
    this.isBusy = false;
  }

  /** Compares it with what is read, and takes that over. @returns what is wrong */
  async settle(service: ServiceProcess): Promise<string[]> {
    const { version, messages } = await readWhole(service, this.tenant, this.threadId);
    const read = { version, contents: messages.map(({ content }) => content) };
    const isExpected = this.states.some((one) => JSON.stringify(one) === JSON.stringify(read));
    const hasGap = messages.some(({ seq }, index) => seq !== index + 1);
    const expected = this.states.map((one) => `version ${one.version}, ${one.contents.length} messages`);
    this.become(read);
    if (isExpected && !hasGap) return [];
    return [
      `${this.threadId} is at version ${version} with ${messages.length} messages, expected ${expected.join(' or ')}`,
    ];
  }
}
