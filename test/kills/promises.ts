import { isDeepStrictEqual } from 'node:util';
import type { ProcessAnswer, ServiceProcess } from '../support/service-process.js';
import { ask, mustAsk, type Request } from './request.js';

/** A write, and what a client makes of its answer. */
export interface Write {
  readonly tenant: string;
  readonly request: Request;
  /** Of its success. */
  readonly status: 200 | 201 | 204;
  readonly acknowledge: (body: never) => void;
  /** Called when there was no answer and a repetition would not be known as one. */
  readonly doubt: () => void;
  /** Whether its answer is still remembered; left out: it is not asked for again. */
  readonly isRemembered?: () => boolean;
}

/** How many writes under a key are repeated although they were answered, after each kill. */
const REPEATED = 12;

/** What clients were promised: every write that was answered, and every one that was not. */
export class Promises {
  acknowledged = 0;
  unanswered = 0;
  /** Writes under a key that were sent again after a kill. */
  repeated = 0;
  readonly wrong: string[] = [];
  #unanswered: Write[] = [];
  #answered: (readonly [Write, ProcessAnswer])[] = [];

  /** @returns whether it was acknowledged */
  async send(service: ServiceProcess, write: Write): Promise<boolean> {
    const answer = await ask(service, write.tenant, write.request);
    if (answer) return this.#take(write, answer);
    this.unanswered += 1;
    if (write.request.key === undefined) write.doubt();
    else this.#unanswered.push(write);
    return false;
  }

  /** Sends what was not answered again, under its key, and some of what was answered: it is done once. */
  async repeat(service: ServiceProcess): Promise<void> {
    for (const write of this.#unanswered.splice(0)) {
      const answer = await mustAsk(service, write.tenant, write.request);
      if (this.#take(write, answer)) await this.#expectSame(service, write, answer);
    }
    const remembered = this.#answered.splice(0).filter(([{ isRemembered }]) => isRemembered?.());
    for (const [write, answer] of remembered.slice(-REPEATED)) await this.#expectSame(service, write, answer);
  }

  #take(write: Write, answer: ProcessAnswer): boolean {
    const { request, status, tenant, acknowledge } = write;
    if (answer.status !== status) {
      const said = JSON.stringify(answer.body);
      this.wrong.push(
        `${tenant} ${request.method} ${request.path} was answered with ${answer.status}: ${said}`,
      );
      return false;
    }
    this.acknowledged += 1;
    acknowledge(answer.body);
    if (request.key !== undefined) this.#answered.push([write, answer]);
    return true;
  }

  async #expectSame(
    service: ServiceProcess,
    { tenant, request }: Write,
    first: ProcessAnswer,
  ): Promise<void> {
    const again = await mustAsk(service, tenant, request);
    this.repeated += 1;
    const isSame = again.status === first.status && isDeepStrictEqual(again.body, first.body);
    if (!isSame || again.headers['idempotency-replayed'] !== 'true')
      this.wrong.push(
        `${tenant} ${request.method} ${request.path} under ${String(request.key)} was answered otherwise again`,
      );
  }
}
