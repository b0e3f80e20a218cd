import { trimMessages, type BaseMessage } from '@langchain/core/messages';
import type { Message, StoredMessage } from '../src/session/message.js';
import { countMessage } from '../src/tokens/message-tokens.js';
import { assemblePrompt } from '../src/working-context/prompt.js';
import type { WorkingContext } from '../src/working-context/working-context.js';
import { SYSTEM_PROMPT, turnOf } from './compile-messages.js';
import type { CompileService } from './compile-triptych.js';
import { asLangChain } from './stock-saver.js';

/** One conversation, compiled before each of its turns but the first. */
export interface Replay {
  readonly tenantId: string;
  readonly threadId: string;
  readonly tier: string;
  readonly turns: number;
  /** Recalled for each turn. */
  readonly memories: number;
}

/** What of its prompts a provider could serve from its cache. */
export interface CacheFigures {
  /** Mean over the turns of the share of a prompt's tokens that stand in messages which are those of the prompt before. */
  readonly share: number;
  /** Turns whose history begins at another message than that of the turn before. */
  readonly cuts: number;
  /** Mean tokens of a prompt. */
  readonly tokens: number;
}

export type Variant = 'Triptych' | 'by message' | 'by turn';
export type Replayed = Readonly<Record<Variant, CacheFigures>>;

/** By default a history may begin anywhere, also with an answer of a tool whose call is gone. */
const TRIMMED = [
  ['by message', undefined],
  ['by turn', 'human'],
] as const;

/** A message of a prompt: the same text is the same message. */
interface Part {
  readonly json: string;
  readonly tokens: number;
}

/**
 * Says a conversation turn by turn, and before each turn makes the prompt that would be sent for it: what the user asks is
 * the task. Beside Triptych's stands the same prompt with a history as LangChain's `trimMessages` cuts it: the newest messages
 * that fit in as many tokens, or those of them from a user's message on.
 */
export async function replay(
  service: CompileService,
  { tenantId, threadId, tier, turns, memories }: Replay,
): Promise<Replayed> {
  const { context, tenants } = service;
  const said: StoredMessage[] = [];
  const prompts = { Triptych: new Prompts(), 'by message': new Prompts(), 'by turn': new Prompts() };
  const tokensOf = memoised((message) => countMessage(service.counter, message));
  for (let turn = 0; turn < turns; turn += 1) {
    const messages = turnOf(turn);
    if (turn > 0) {
      const working = await tenants.run(tenantId, () =>
        context.compileWorkingContext({
          threadId,
          systemPrompt: SYSTEM_PROMPT,
          task: { description: messages[0]?.content as string },
          modelTier: tier,
          memoryLimit: memories,
        }),
      );
      prompts.Triptych.add(partsOf(working, tokensOf));
      for (const [name, startOn] of TRIMMED) {
        const messages = await trim(said, working.budget.sessionHistory, startOn);
        prompts[name].add(partsOf({ ...working, messages }, tokensOf));
      }
    }
    const stored = await tenants.run(tenantId, () => service.sessions.appendMessages(threadId, messages));
    said.push(...stored.messages);
  }
  return {
    Triptych: prompts.Triptych.figures(),
    'by message': prompts['by message'].figures(),
    'by turn': prompts['by turn'].figures(),
  };
}

async function trim(
  said: readonly StoredMessage[],
  maxTokens: number,
  startOn: 'human' | undefined,
): Promise<Message[]> {
  const all = said.map((message) => Object.assign(asLangChain(message), { id: message.id }));
  const stored = new Map(said.map((message) => [message.id, message]));
  const kept = await trimMessages(all, {
    maxTokens,
    strategy: 'last',
    ...(startOn && { startOn }),
    tokenCounter: (messages: BaseMessage[]) =>
      messages.reduce((total, { id }) => total + (stored.get(id ?? '')?.tokens ?? NaN), 0),
  });
  return kept.map(({ id }) => {
    const {
      id: _id,
      seq: _seq,
      tokens: _tokens,
      createdAt: _createdAt,
      ...message
    } = stored.get(id ?? '') as StoredMessage;
    return message;
  });
}

function partsOf(working: WorkingContext, tokensOf: (message: Message) => number): Part[] {
  return assemblePrompt(working).map((message) => ({
    json: JSON.stringify(message),
    tokens: tokensOf(message),
  }));
}

/** The prompts of a conversation, one after the other. */
class Prompts {
  readonly #shares: number[] = [];
  #last: readonly Part[] | undefined;
  #tokens = 0;
  #cuts = 0;
  #count = 0;

  add(prompt: readonly Part[]): void {
    const total = sum(prompt);
    this.#tokens += total;
    this.#count += 1;
    if (this.#last) {
      const last = this.#last;
      const differs = prompt.findIndex(({ json }, place) => json !== last[place]?.json);
      this.#shares.push(sum(prompt.slice(0, differs < 0 ? prompt.length : differs)) / total);
      // The system prompt comes first, and the history after it.
      if (prompt[1]?.json !== last[1]?.json) this.#cuts += 1;
    }
    this.#last = prompt;
  }

  figures(): CacheFigures {
    const share = this.#shares.reduce((total, each) => total + each, 0) / this.#shares.length;
    return { share, cuts: this.#cuts, tokens: this.#tokens / this.#count };
  }
}

function sum(parts: readonly Part[]): number {
  return parts.reduce((total, { tokens }) => total + tokens, 0);
}

/** A message is counted once, however many prompts it stands in. */
function memoised(count: (message: Message) => number): (message: Message) => number {
  const known = new Map<string, number>();
  return (message) => {
    const json = JSON.stringify(message);
    const tokens = known.get(json) ?? count(message);
    known.set(json, tokens);
    return tokens;
  };
}
