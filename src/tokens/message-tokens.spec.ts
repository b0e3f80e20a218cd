import { describe, expect, it } from '@jest/globals';
import { countMessage, REPLY_PRIMING } from './message-tokens.js';
import { TiktokenCounter } from './tiktoken-counter.js';

const counter = new TiktokenCounter('cl100k_base');

describe('countMessage', () => {
  it('agrees with the example of the OpenAI Cookbook: 129 tokens', () => {
    const rewrite = (name: string, content: string) => ({ role: 'system', name, content });
    const messages = [
      {
        role: 'system',
        content:
          'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.',
      },
      rewrite('example_user', 'New synergies will help drive top-line growth.'),
      rewrite('example_assistant', 'Things working well together will increase revenue.'),
      rewrite(
        'example_user',
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
      ),
      rewrite('example_assistant', "Let's talk later when we're less busy about how to do better."),
      {
        role: 'user',
        content: "This late pivot means we don't have time to boil the ocean for the client deliverable.",
      },
    ];
    const total = messages.reduce((sum, message) => sum + countMessage(counter, message), REPLY_PRIMING);
    expect(total).toBe(129);
  });

  it('counts nothing for what is not there', () => {
    const bare = countMessage(counter, { role: 'assistant' });
    expect(countMessage(counter, { role: 'assistant', content: null, name: undefined })).toBe(bare);
    expect(countMessage(counter, { role: 'assistant', content: '' })).toBe(bare);
    expect(countMessage(counter, { role: 'assistant', content: [] })).toBe(bare);
  });

  it('counts text parts as text and every other part as JSON', () => {
    const text = 'What is in this picture?';
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUg' } };
    const plain = countMessage(counter, { role: 'user', content: text });
    expect(countMessage(counter, { role: 'user', content: [{ type: 'text', text }] })).toBe(plain);
    expect(countMessage(counter, { role: 'user', content: [{ type: 'text', text }, image] })).toBe(
      plain + counter.count(JSON.stringify(image)),
    );
    const marked = { type: 'text', text, cache_control: { type: 'ephemeral' } };
    expect(countMessage(counter, { role: 'user', content: [marked] })).toBe(
      plain + counter.count('{"cache_control":{"type":"ephemeral"}}'),
    );
  });

  it('counts tool calls, their answers and fields it does not know', () => {
    const tool_calls = [
      { id: 'call_1', type: 'function', function: { name: 'find', arguments: '{"q":"x"}' } },
    ];
    const bare = countMessage(counter, { role: 'assistant' });
    expect(countMessage(counter, { role: 'assistant', content: null, tool_calls })).toBe(
      bare + counter.count(JSON.stringify(tool_calls)),
    );
    expect(countMessage(counter, { role: 'tool', tool_call_id: 'call_1' })).toBe(
      countMessage(counter, { role: 'tool' }) + counter.count('call_1'),
    );
    expect(countMessage(counter, { role: 'assistant', refusal: null })).toBe(
      bare + counter.count('{"refusal":null}'),
    );
  });
});
