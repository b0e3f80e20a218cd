import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { countingOf, countingWith } from './model-counting.js';
import { ENCODINGS } from './tiktoken-counter.js';

describe('countingOf', () => {
  it.each([
    ['gpt-4', 'cl100k_base'],
    ['gpt-4o-mini', 'o200k_base'],
    ['gpt-3.5-turbo-0125', 'cl100k_base'],
    ['gpt-35-turbo', 'cl100k_base'],
    ['text-embedding-3-small', 'cl100k_base'],
    ['text-davinci-003', 'p50k_base'],
    ['gpt2', 'gpt2'],
    // Later than tiktoken's table.
    ['gpt-5.2-codex', 'o200k_base'],
    ['gpt-4.1-2026-01-01', 'o200k_base'],
    ['o3-deep-research', 'o200k_base'],
    ['o4-mini-high', 'o200k_base'],
    ['gpt-oss-120b', 'o200k_base'],
    ['chatgpt-next', 'o200k_base'],
    // As others write them.
    ['openai/gpt-4o', 'o200k_base'],
    ['openrouter/openai/gpt-4o:extended', 'o200k_base'],
    ['azure/gpt-4o', 'o200k_base'],
    ['azure/eu/gpt-4-1106-preview', 'cl100k_base'],
    ['azure/our-gpt-4-1106-preview', 'cl100k_base'],
    ['azure/our-gpt-4o-of-march', 'o200k_base'],
    ['groq/openai/gpt-oss-20b', 'o200k_base'],
    ['bedrock/openai.gpt-oss-20b-1:0', 'o200k_base'],
    ['ft:gpt-4o-2024-08-06:acme::7p4lURel', 'o200k_base'],
    [' GPT-4 ', 'cl100k_base'],
  ])('knows the encoding of %s, without a factor', (model, encoding) => {
    expect(countingOf(model)).toEqual({ encoding, safetyFactor: 1, family: 'openai' });
  });

  it.each([
    ['claude-3-5-sonnet-20241022', 'claude', 1.4],
    ['anthropic/claude-3.5-sonnet:beta', 'claude', 1.4],
    ['bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0', 'claude', 1.4],
    ['anthropic.claude-v2:1', 'claude', 1.4],
    ['vertex_ai/claude-sonnet-4-5@20250929', 'claude', 1.4],
    ['claude-opus-4.6', 'claude', 1.4],
    ['claude-opus-4-7', 'claude', 1.8],
    ['claude-sonnet-5-20270101', 'claude', 1.8],
    ['claude-next', 'claude', 1.8],
    ['gemini/gemini-2.5-pro', 'gemini', 1.25],
    ['models/gemma-3-27b-it', 'gemini', 1.25],
    ['openrouter/deepseek/deepseek-chat-v3', 'deepseek', 1.2],
    ['meta-llama/Llama-3.3-70B-Instruct', 'llama', 1.1],
    ['bedrock/meta.llama3-1-8b-instruct-v1:0', 'llama', 1.1],
    ['ollama/llama2:13b', 'llama-2', 1.4],
    ['mistral/mistral-large-latest', 'mistral', 1.4],
    ['mistral.mixtral-8x7b-instruct-v0:1', 'mistral', 1.4],
    ['Qwen/Qwen3-32B', 'qwen', 1.2],
    ['cohere/command-r-plus', 'command', 1.3],
    ['xai/grok-4', 'grok', 1.3],
    ['amazon.nova-pro-v1:0', 'nova', 1.4],
    // LiteLLM's name for whatever speaks OpenAI's API.
    ['openai/claude-3-haiku', 'claude', 1.4],
    ['azure/chat-of-the-sales-team', 'openai', 1.1],
    ['our-own-model', 'unknown', 1.5],
    ['', 'unknown', 1.5],
  ])('counts %s with the factor of its family', (model, family, safetyFactor) => {
    expect(countingOf(model)).toEqual({ encoding: 'cl100k_base', safetyFactor, family });
  });

  it('never fails, and never counts less than the encoding does', () => {
    const names = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc
        .array(
          fc.constantFrom(
            'claude',
            'gpt',
            'o',
            '-',
            '.',
            ':',
            '/',
            '@',
            '4',
            '20250514',
            'azure',
            'ft:',
            'x',
          ),
          {
            maxLength: 10,
          },
        )
        .map((parts) => parts.join('')),
      fc.constantFrom('__proto__', 'constructor', 'toString'),
    );
    fc.assert(
      fc.property(names, (name) => {
        const { encoding, safetyFactor, family } = countingOf(name);
        expect(ENCODINGS).toContain(encoding);
        expect(safetyFactor).toBeGreaterThanOrEqual(1);
        expect(family).not.toBe('');
      }),
    );
  });
});

describe('countingWith', () => {
  it('takes the encoding of the settings, and the factor of the model', () => {
    expect(countingWith({})).toEqual({ encoding: 'cl100k_base', safetyFactor: 1, family: 'openai' });
    expect(countingWith({ encoding: 'gpt2' })).toEqual({
      encoding: 'gpt2',
      safetyFactor: 1,
      family: 'openai',
    });
    expect(countingWith({ model: 'gpt-4o' })).toEqual(countingOf('gpt-4o'));
    expect(countingWith({ encoding: 'o200k_base', model: 'claude-opus-4-6' })).toEqual({
      encoding: 'o200k_base',
      safetyFactor: 1.4,
      family: 'claude',
    });
  });
});
