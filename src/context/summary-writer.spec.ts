import { describe, expect, it } from '@jest/globals';
import { SummaryFailedError, Summarizer } from '../summaries/summarizer.js';
import { TiktokenCounter } from '../tokens/tiktoken-counter.js';
import { SummaryWriter } from './summary-writer.js';

class EndedSummarizer extends Summarizer {
  readonly model = 'any';
  asked = 0;
  summarize(): Promise<string> {
    this.asked += 1;
    return Promise.reject(new SummaryFailedError('it was ended'));
  }
}

describe('SummaryWriter', () => {
  it('asks nobody any more once the application stops', async () => {
    const summarizer = new EndedSummarizer();
    const signal = AbortSignal.abort();
    const writer = new SummaryWriter({ summarizer, counter: new TiktokenCounter(), maxTokens: 100, signal });
    const message = { role: 'user' as const, content: 'hi', id: 'm', seq: 1, tokens: 5, createdAt: '' };
    await expect(writer.write(undefined, [message])).rejects.toThrow();
    expect(summarizer.asked).toBe(0);
  });
});
