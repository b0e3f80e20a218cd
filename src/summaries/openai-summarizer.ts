import { APIError, type OpenAI } from 'openai';
import { OpenAIFailure } from '../openai/openai-failure.js';
import { OpenAIServer } from '../openai/openai-server.js';
import { Summarizer, SummaryFailedError, type SummaryRequest } from './summarizer.js';
import { summaryPrompt } from './summary-prompt.js';

export interface OpenAISummarizerOptions {
  /** May be missing when `baseURL` names a server that asks for none. */
  readonly apiKey?: string | undefined;
  /** Any server of the chat-completions protocol, path included, such as `http://127.0.0.1:11434/v1`. */
  readonly baseURL?: string | undefined;
  readonly model: string;
  /** For one summary, its retries and the waits between them included. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Default 1: whoever asks for summaries asks again. */
  readonly maxRetries?: number | undefined;
}

/** Far above any summary. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** The model counts in tokens of its own, of which a text can have more than in ours. */
const TOKENS_OF_ANOTHER_ENCODING = 2;
/** Models that take `max_completion_tokens` count what they think before they write. */
const TOKENS_TO_THINK = 4_000;

const NAMES = {
  apiKey: 'SUMMARY_API_KEY or OPENAI_API_KEY',
  baseURL: 'SUMMARY_BASE_URL or OPENAI_BASE_URL',
  model: 'SUMMARY_MODEL',
  request: 'SUMMARY_MODEL, and how much it takes at once',
};

/** Summaries from OpenAI or any server that speaks its chat-completions protocol: LiteLLM, Ollama, vLLM, Azure … */
export class OpenAISummarizer extends Summarizer {
  readonly model: string;
  readonly #server: OpenAIServer;
  /** Every server knows the older name, save for some models of OpenAI's, which refuse it. */
  #limitsBy: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';

  /** @throws StartupError when neither key nor base URL is given, or one of them cannot be used */
  constructor({ apiKey, baseURL, model, timeoutMs = 60_000, maxRetries = 1 }: OpenAISummarizerOptions) {
    super();
    this.model = model;
    this.#server = new OpenAIServer({
      apiKey,
      baseURL,
      timeoutMs,
      maxRetries,
      maxAnswerBytes: MAX_ANSWER_BYTES,
      names: NAMES,
    });
  }

  async summarize(request: SummaryRequest): Promise<string> {
    try {
      const answer = await this.#server.request(
        (client, options) => this.#ask(client, request, options),
        request.signal,
      );
      return textOf(answer);
    } catch (error) {
      if (!(error instanceof OpenAIFailure)) throw error;
      throw new SummaryFailedError(error.message, { isRetryable: mayGoWell(error) });
    }
  }

  async #ask(client: OpenAI, request: SummaryRequest, options: { signal: AbortSignal }): Promise<unknown> {
    const { system, data } = summaryPrompt(request);
    const length = request.maxTokens * TOKENS_OF_ANOTHER_ENCODING;
    const create = (): Promise<unknown> =>
      client.chat.completions.create(
        {
          model: this.model,
          messages: [
            { role: 'system', content: system },
            { role: 'user', content: data },
          ],
          [this.#limitsBy]: this.#limitsBy === 'max_tokens' ? length : length + TOKENS_TO_THINK,
        },
        options,
      );
    try {
      return await create();
    } catch (error) {
      if (this.#limitsBy !== 'max_tokens' || !refusesMaxTokens(error)) throw error;
      this.#limitsBy = 'max_completion_tokens';
      return create();
    }
  }
}

function refusesMaxTokens(error: unknown): boolean {
  return error instanceof APIError && error.status === 400 && error.param === 'max_tokens';
}

/** @throws OpenAIFailure when the answer has no text: it is empty, a refusal, or of another protocol */
function textOf(answer: unknown): string {
  type Answer = { choices?: { message?: { content?: unknown } | null }[] } | null | undefined;
  const choices = (answer as Answer)?.choices;
  const content = Array.isArray(choices) ? choices[0]?.message?.content : undefined;
  if (typeof content !== 'string') throw new OpenAIFailure('unusable', 'the answer holds no text');
  if (content.trim() === '') throw new OpenAIFailure('unusable', 'the answer is empty');
  return content;
}

/** A refused credential, model or address stays refused; a request that is too long for the model need not be. */
function mayGoWell({ status }: OpenAIFailure): boolean {
  return status === undefined || ![301, 302, 303, 307, 308, 401, 403, 404].includes(status);
}
