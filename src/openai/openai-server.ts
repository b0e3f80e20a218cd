import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { StartupError } from '../errors.js';
import { asFailure, OpenAIFailure, retryDelayMs, type SettingNames } from './openai-failure.js';
import { openaiTransport } from './openai-transport.js';

export interface OpenAIServerOptions {
  /** May be missing when `baseURL` names a server that asks for none. */
  readonly apiKey?: string | undefined;
  /** Any OpenAI-compatible server, path included, such as `http://127.0.0.1:11434/v1`. */
  readonly baseURL?: string | undefined;
  /** For one request, its retries and the waits between them included. */
  readonly timeoutMs: number;
  readonly maxRetries: number;
  /** Of one answer; a server that sends more has gone wrong. */
  readonly maxAnswerBytes: number;
  readonly names: SettingNames;
}

const OPENAI_URL = 'https://api.openai.com/v1';

/** The client insists on a key; servers that need none ignore this one. */
const NO_KEY = 'none';

/** OpenAI or any server that speaks its protocol: LiteLLM, Ollama, vLLM, Azure … */
export class OpenAIServer {
  readonly #client: OpenAI;

  /** @throws StartupError when neither key nor base URL is given, or one of them cannot be used */
  constructor(private readonly options: OpenAIServerOptions) {
    this.#client = clientOf(options);
  }

  /**
   * What the server answers, unchecked. The retries are made here because the client's own obey any
   * `Retry-After`, an hour included, and its timeout ends when the headers arrive, not the body.
   * @param signal ends the request before its time
   * @param timeoutMs in place of that of the options, retries included
   * @throws OpenAIFailure
   */
  async request(
    ask: (client: OpenAI, options: { signal: AbortSignal }) => Promise<unknown>,
    signal?: AbortSignal,
    timeoutMs = this.options.timeoutMs,
  ): Promise<unknown> {
    const { maxRetries, names } = this.options;
    const deadline = Date.now() + timeoutMs;
    const late = AbortSignal.timeout(timeoutMs);
    const ended = signal ? AbortSignal.any([signal, late]) : late;
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask(this.#client, { signal: ended });
      } catch (error) {
        if (signal?.aborted) throw stopped();
        if (late.aborted || error instanceof OpenAI.APIConnectionTimeoutError) {
          throw new OpenAIFailure('unavailable', `no whole answer within ${timeoutMs} ms`);
        }
        const delay = attempt < maxRetries ? retryDelayMs(error, attempt) : undefined;
        if (delay === undefined || Date.now() + delay >= deadline) throw asFailure(error, names);
        await sleep(delay, undefined, { ...(signal && { signal }) }).catch(() => {
          throw stopped();
        });
      }
    }
  }
}

function stopped(): OpenAIFailure {
  return new OpenAIFailure('unavailable', 'the request was ended before its time');
}

/** Everything the client would otherwise look up in the environment is given, so that the options alone decide. */
function clientOf({ apiKey, baseURL, timeoutMs, maxAnswerBytes, names }: OpenAIServerOptions): OpenAI {
  if (!apiKey && !baseURL) {
    throw new StartupError(`Set ${names.apiKey}, or ${names.baseURL} for a server that needs no key.`);
  }
  if (baseURL && !URL.canParse(baseURL)) throw new StartupError(`${names.baseURL} is not a URL.`);
  if (apiKey && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new StartupError(`${names.apiKey} holds a space, a line end or another character that no key has.`);
  }
  return new OpenAI({
    apiKey: apiKey || NO_KEY,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: baseURL || OPENAI_URL,
    logLevel: 'off',
    timeout: timeoutMs,
    maxRetries: 0,
    fetch: openaiTransport(apiKey || NO_KEY, maxAnswerBytes),
  });
}
