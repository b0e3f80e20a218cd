/** Whose messages a prompt is made of; `formatPrompt` makes them. */
export const PROMPT_FORMATS = ['openai', 'anthropic', 'langchain'] as const;
export type PromptFormat = (typeof PROMPT_FORMATS)[number];
