import { get_encoding_name_for_model, type TiktokenEncoding, type TiktokenModel } from 'tiktoken';
import { DEFAULT_ENCODING } from './tiktoken-counter.js';

/** How the tokens of a model are counted. */
export interface ModelCounting {
  /** The model's own encoding, or the one that stands for it. */
  readonly encoding: TiktokenEncoding;
  /**
   * By how much the model may count more than {@link encoding} does, 1 or more: a prompt of `n` tokens by the encoding is
   * taken to be `n * safetyFactor` of the model's.
   */
  readonly safetyFactor: number;
  /** Whose tokenizer it is; `unknown` where the name says nothing. */
  readonly family: string;
}

interface Family {
  readonly family: string;
  /** Found anywhere in a name, at the beginning of a word. */
  readonly names: RegExp;
  readonly safetyFactor: number;
}

/**
 * Families of which `tiktoken` has no encoding, counted by `cl100k_base`. "Arena" is the Tokenizer Arena, which measured
 * English (cc-100) in bytes per token: GPT-4's vocabulary 4.11, Gemma 3.91, DeepSeek 3.85, Llama 2 3.56. Other scripts and code
 * differ by more than English does, so a factor is rounded up; "cautious" means that there is no published figure.
 */
const FAMILIES: readonly Family[] = [
  // Claude 4.7 and later, see below, by Anthropic's own figure 1.0 to 1.35 times the one before; measured with its token
  // counter, up to 1.47 for English and technical prose, 1.2 to 1.36 for code. 1.16 × 1.47 and 1.30 × 1.36 are below 1.8.
  { family: 'claude', names: /claude|anthropic/, safetyFactor: 1.8 },
  // Google: 100 tokens are 60 to 80 English words; OpenAI: 75. So 75 / 60; Arena: Gemma 1.05.
  { family: 'gemini', names: /gemini|gemma|palm|learnlm/, safetyFactor: 1.25 },
  // Arena 1.07. DeepSeek: an English character is about 0.3 of a token; OpenAI: a quarter of one.
  { family: 'deepseek', names: /deepseek/, safetyFactor: 1.2 },
  // Meta: 32,000 tokens. Arena 1.15 for English; 1.4 is cautious for code and other scripts.
  { family: 'llama-2', names: /llama-?2|codellama|code-llama|vicuna/, safetyFactor: 1.4 },
  // Meta: 128,000 tokens, of which 100,000 are those of cl100k_base. Cautious.
  { family: 'llama', names: /llama/, safetyFactor: 1.1 },
  // 32,000 tokens in the older ones, as Llama 2; Mistral's Tekken, in the newer, is 30 % shorter for code.
  {
    family: 'mistral',
    names: /(mi|mini|magi|dev)stral|mixtral|codestral|pixtral|voxtral/,
    safetyFactor: 1.4,
  },
  // Qwen: made of cl100k_base and more, but each digit is a token. Cautious.
  { family: 'qwen', names: /qwen|qwq|qvq/, safetyFactor: 1.2 },
  // Each of these is cautious.
  { family: 'command', names: /command|cohere|aya/, safetyFactor: 1.3 },
  { family: 'grok', names: /grok|xai|x-ai/, safetyFactor: 1.3 },
  { family: 'nova', names: /nova|titan/, safetyFactor: 1.4 },
  { family: 'phi', names: /phi/, safetyFactor: 1.4 },
  { family: 'glm', names: /glm|chatglm|z-ai|zai/, safetyFactor: 1.3 },
  { family: 'kimi', names: /kimi|moonshot/, safetyFactor: 1.3 },
];
/** Cautious. */
const UNKNOWN = 1.5;
/** The name of an Azure deployment need not say which model of OpenAI's it is; English differs by few per cent. */
const AZURE = 1.1;

/** What `tiktoken`'s table does not name: versions that came later, dates, deployments. The first that fits counts. */
const OPENAI: readonly (readonly [RegExp, TiktokenEncoding])[] = [
  [/^(o[1-9]|codex-mini|computer-use)(?![a-z0-9])/, 'o200k_base'],
  [/(^|[^a-z0-9])(chatgpt|gpt-?(4o|4[.-][1-9](?![0-9])|[5-9]|oss|audio|realtime|image))/, 'o200k_base'],
  [/(^|[^a-z0-9])(gpt-?(4|3[.-]?5)|text-embedding-(3|ada-002))(?![0-9])/, 'cl100k_base'],
];

/**
 * How the tokens of a model are counted, by its name: as its maker writes it, or with what LiteLLM, OpenRouter, Bedrock
 * and others put around it (`bedrock/us.anthropic.claude-…-v1:0`, `openai/gpt-4o`, `ft:gpt-4o:…`). Never fails: what a
 * name does not tell is counted with a cautious factor.
 */
export function countingOf(model: string): ModelCounting {
  const name = model.trim().toLowerCase();
  const last = name.slice(name.lastIndexOf('/') + 1).replace(/^ft:/, '');
  const listed = listedEncoding(last) ?? listedEncoding(last.replace(/[:@].*$/, ''));
  if (listed) return { encoding: listed, safetyFactor: 1, family: 'openai' };
  const family = FAMILIES.find(({ names }) => new RegExp(`(^|[^a-z0-9])(${names.source})`).test(name));
  if (family) {
    const safetyFactor = isOlderClaude(name) ? OLDER_CLAUDE : family.safetyFactor;
    return { encoding: DEFAULT_ENCODING, safetyFactor, family: family.family };
  }
  const [, encoding] = OPENAI.find(([pattern]) => pattern.test(last)) ?? [];
  if (encoding) return { encoding, safetyFactor: 1, family: 'openai' };
  if (name.startsWith('azure/')) return { encoding: DEFAULT_ENCODING, safetyFactor: AZURE, family: 'openai' };
  return { encoding: DEFAULT_ENCODING, safetyFactor: UNKNOWN, family: 'unknown' };
}

/**
 * How tokens are counted with these settings: by the model, in another encoding if one is named. Without a model, by the
 * encoding as it is.
 */
export function countingWith({
  encoding,
  model,
}: {
  readonly encoding?: string | undefined;
  readonly model?: string | undefined;
}): Omit<ModelCounting, 'encoding'> & { readonly encoding: string } {
  const counting = model === undefined ? PLAIN : countingOf(model);
  return { ...counting, encoding: encoding ?? counting.encoding };
}

const PLAIN: ModelCounting = { encoding: DEFAULT_ENCODING, safetyFactor: 1, family: 'openai' };

function listedEncoding(name: string): TiktokenEncoding | undefined {
  try {
    return get_encoding_name_for_model(name as TiktokenModel);
  } catch {
    return undefined;
  }
}

/** The first version with the newer tokenizer; a version that a name does not tell may have it. */
const NEW_CLAUDE = { major: 4, minor: 7 };
/**
 * Those before it: 16 % more tokens for English, 21 % for formulas and 30 % for code than GPT-4o (measured with Claude 3.5);
 * up to 39 % more than `cl100k_base` (measured on Bedrock).
 */
const OLDER_CLAUDE = 1.4;

function isOlderClaude(name: string): boolean {
  // claude-3-5-sonnet-20241022, claude-3.5-sonnet, claude-sonnet-4-20250514, claude-opus-4-6: a date is no version.
  const [, major, minor = '0'] = /claude-(?:[a-z]+-)?v?(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)/.exec(name) ?? [];
  if (major === undefined) return false;
  const behind = Number(major) - NEW_CLAUDE.major || Number(minor) - NEW_CLAUDE.minor;
  return behind < 0;
}
