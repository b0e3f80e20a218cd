import { type ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import { type Degradation } from '../recall/degradation.js';
import { type AnthropicPrompt, anthropicPrompt } from './anthropic-prompt.js';
import { type LangChainPrompt, langChainPrompt } from './langchain-prompt.js';
import { type PromptFormat } from './prompt-format.js';
import { assemblePrompt } from './prompt.js';
import { type PromptParts } from './working-context.js';

/** The messages of a chat-completions request. */
export interface OpenAIPrompt {
  messages: ChatCompletionMessageParam[];
}

export interface PromptOfFormat {
  openai: OpenAIPrompt;
  anthropic: AnthropicPrompt;
  langchain: LangChainPrompt;
}
export type Prompt = PromptOfFormat[PromptFormat];

export interface RenderedPrompt<F extends PromptFormat = PromptFormat> {
  prompt: PromptOfFormat[F];
  /** `unsupported_content`: what the format has no room for, by place. */
  degraded: Degradation[];
}

/** The prompt, ready to be spread into a request of the provider's client. */
export function formatPrompt<F extends PromptFormat>(parts: PromptParts, format: F): PromptOfFormat[F] {
  return renderPrompt(parts, format).prompt;
}

/** The prompt, and what was left out of it or replaced because the format has no room for it. */
export function renderPrompt<F extends PromptFormat>(parts: PromptParts, format: F): RenderedPrompt<F> {
  const render: { [Each in PromptFormat]: (parts: PromptParts) => RenderedPrompt<Each> } = {
    // A history was checked against this form when it was written.
    openai: (parts) => ({
      prompt: { messages: assemblePrompt(parts) as ChatCompletionMessageParam[] },
      degraded: [],
    }),
    anthropic: anthropicPrompt,
    langchain: (parts) => ({ prompt: langChainPrompt(parts), degraded: [] }),
  };
  return render[format](parts);
}
