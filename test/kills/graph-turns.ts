import { HumanMessage, type BaseMessage } from '@langchain/core/messages';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { readWhole } from '../sessions/recorded-client.js';
import { createChat } from '../support/graphs.js';
import { TestService } from '../support/service.js';
import type { Deployment } from './deployment.js';

const TENANT = 'globex';
const THREADS = ['graph-one', 'graph-two'];
/** A graph that was interrupted by the database goes on after this long. */
const PAUSE_MS = 100;
/** More than a thread gets in one round. */
const CHECKPOINTS = 60;

/** Another application on the same database, in this process, whose graphs take one turn after another. */
export class GraphTurns {
  acknowledged = 0;
  readonly #sent = new Map<string, 'acknowledged' | 'perhaps'>();
  #isOver = false;
  #counter = 0;

  private constructor(private readonly application: TestService) {}

  static async start({ database, settings }: Deployment): Promise<GraphTurns> {
    return new GraphTurns(await TestService.start(database, settings));
  }

  /** Takes turns until `stop` is called; call what it returns to wait for the last. */
  begin(): () => Promise<void> {
    this.#isOver = false;
    const running = Promise.all(THREADS.map((thread) => this.#takeTurns(thread)));
    return async () => {
      this.#isOver = true;
      await running;
    };
  }

  /**
   * Every turn that came to its end is there with its three messages, and none is there twice; checkpoints can be read,
   * and the newest one shows what the service answers.
   * @returns what is wrong
   */
  async check({ service }: Deployment): Promise<string[]> {
    const wrong: string[] = [];
    for (const thread of THREADS) {
      const read = (await readWhole(service, TENANT, thread)).messages.map(({ content }) => content);
      const newest = await this.#inTenant((store) => readCheckpoints(store, thread));
      if (JSON.stringify(newest) !== JSON.stringify(read))
        wrong.push(`${thread}: the newest checkpoint shows ${newest.length} messages of ${read.length}`);
      for (const [content, known] of this.#sent)
        if (content.startsWith(thread)) wrong.push(...this.#checkTurn(read, content, known));
    }
    return wrong;
  }

  stop(): Promise<void> {
    return this.application.stop();
  }

  async #takeTurns(thread: string): Promise<void> {
    while (!this.#isOver) {
      const content = `${thread} turn ${(this.#counter += 1)}`;
      this.#sent.set(content, 'perhaps');
      try {
        await this.#inTenant((store) =>
          createChat(store.checkpointer).invoke(
            { messages: [new HumanMessage(content)] },
            { configurable: { thread_id: thread } },
          ),
        );
        this.#sent.set(content, 'acknowledged');
        this.acknowledged += 1;
      } catch {
        await sleep(PAUSE_MS);
      }
      await sleep(20);
    }
  }

  #checkTurn(read: readonly string[], content: string, known: string): string[] {
    const places = read.flatMap((one, index) => (one === content ? [index] : []));
    if (places.length > 1) return [`${content} is there ${places.length} times`];
    if (known !== 'acknowledged') return [];
    const [place = -1] = places;
    const answered = [read[place + 1], read[place + 2]].every((text) => text?.includes('seen, last'));
    return place >= 0 && answered ? [] : [`${content} came to its end and is not there with its answer`];
  }

  #inTenant<T>(work: (store: SessionStore) => Promise<T>): Promise<T> {
    const { app } = this.application;
    return app.get(TenantContext).run(TENANT, () => work(app.get(SessionStore)));
  }
}

/** What the newest checkpoint says; those before it are read, too, and throw where messages are gone. */
export async function readCheckpoints({ checkpointer }: SessionStore, thread: string): Promise<unknown[]> {
  const config = { configurable: { thread_id: thread } };
  for await (const { checkpoint } of checkpointer.list(config, { limit: CHECKPOINTS }))
    contentsOf(checkpoint);
  const tuple = await checkpointer.getTuple(config);
  return tuple ? contentsOf(tuple.checkpoint) : [];
}

function contentsOf({ channel_values: values }: { channel_values: Record<string, unknown> }): unknown[] {
  return ((values['messages'] ?? []) as BaseMessage[]).map(({ content }) => content);
}
