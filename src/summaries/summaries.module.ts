import { Global, Module } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { OpenAISummarizer } from './openai-summarizer.js';
import { Summarizer } from './summarizer.js';

/** The {@link Summarizer} that the settings name, or `null` where they name no model. */
@Global()
@Module({
  providers: [
    {
      provide: Summarizer,
      inject: [TRIPTYCH_OPTIONS],
      useFactory: createSummarizer,
    },
  ],
  exports: [Summarizer],
})
export class SummariesModule {}

/** @throws StartupError when the settings cannot make one */
export function createSummarizer({ summary, embeddings }: TriptychOptions): Summarizer | null {
  if (summary.model === undefined) return null;
  return new OpenAISummarizer({
    model: summary.model,
    timeoutMs: summary.timeoutMs,
    baseURL: summary.baseUrl ?? embeddings.baseUrl,
    // A key is sent to the server that it is for, and to no other.
    apiKey: summary.apiKey ?? (summary.baseUrl === undefined ? embeddings.apiKey : undefined),
  });
}
