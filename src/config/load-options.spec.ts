import { describe, expect, it } from '@jest/globals';
import { StartupError } from '../errors.js';
import { checkOptions, loadOptions } from './load-options.js';

describe('loadOptions', () => {
  it('has a default for everything, the built-in embedder and the embedded engine included', () => {
    const options = loadOptions({});
    expect(options.http).toMatchObject({ host: '127.0.0.1', port: 3000 });
    expect(options.database).toEqual({ dataDir: '.data', migrateOnStart: false, poolSize: 10 });
    expect(options.embeddings).toMatchObject({ provider: 'local', dimensions: 1536 });
    expect(options.budget.tiers).toEqual({ fast: 8_000, reasoning: 32_000 });
  });

  it('takes the OpenAI-compatible provider when a key or a base URL is given, unless told otherwise', () => {
    expect(loadOptions({ OPENAI_API_KEY: 'key' }).embeddings.provider).toBe('openai');
    expect(loadOptions({ OPENAI_BASE_URL: 'http://127.0.0.1:4000/v1' }).embeddings.provider).toBe('openai');
    expect(loadOptions({ OPENAI_API_KEY: 'key', EMBEDDINGS: 'local' }).embeddings.provider).toBe('local');
    expect(checkOptions({ embeddings: { apiKey: 'key' } }).embeddings.provider).toBe('openai');
  });

  it('reads numbers, flags and JSON, and counts an empty variable as absent', () => {
    const options = loadOptions({
      PORT: '8080',
      MIGRATE_ON_START: 'true',
      TOKEN_BUDGETS: '{"reasoning":64000,"tiny":1000}',
      DATABASE_URL: '',
    });
    expect(options.http.port).toBe(8080);
    expect(options.database.migrateOnStart).toBe(true);
    expect(options.budget.tiers).toEqual({ reasoning: 64_000, tiny: 1_000 });
    expect(options.database.url).toBeUndefined();
  });

  it('reports every problem at once, by the name of the variable', () => {
    const problems = (): unknown =>
      loadOptions({
        PORT: 'eighty',
        EMBEDDINGS: 'magic',
        EMBEDDING_DIMENSIONS: '0',
        TOKEN_BUDGETS: '{',
        DATABASE_URL: 'mysql://x',
        SPILL_OVER: 'perhaps',
        LOG_LEVEL: 'loud',
        HOST: '0.0.0.0',
      });
    for (const name of [
      'PORT',
      'EMBEDDINGS',
      'EMBEDDING_DIMENSIONS',
      'TOKEN_BUDGETS',
      'DATABASE_URL',
      'SPILL_OVER',
      'LOG_LEVEL',
      'HOST',
    ])
      expect(problems).toThrow(new RegExp(`^ {2}${name}: `, 'm'));
    expect(problems).toThrow(StartupError);
  });

  it('refuses what does not fit together', () => {
    expect(() => loadOptions({ HOST: '0.0.0.0' })).toThrow(/HOST: .*loopback/);
    expect(() => loadOptions({ EMBEDDINGS: 'openai' })).toThrow(/EMBEDDINGS: .*OPENAI_API_KEY/);
    expect(() => loadOptions({ TOKEN_BUDGETS: '{"fast":8000}' })).toThrow(/TOKEN_BUDGETS: .*default tier/);
    const shares = '{"systemPrompt":0.5,"sessionHistory":0.5,"relevantContext":0.5,"taskAndBuffer":0.5}';
    expect(() => loadOptions({ BUDGET_SHARES: shares })).toThrow(/BUDGET_SHARES: .*add up to 1/);
    expect(() => loadOptions({ BUDGET_SHARES: '{"systemPrompt":2}' })).toThrow(
      /BUDGET_SHARES\.systemPrompt: /,
    );
  });
});

describe('checkOptions', () => {
  it('refuses unknown settings and freezes what it gives', () => {
    expect(() => checkOptions({ databse: {} })).toThrow(/databse/);
    const options = checkOptions({ budget: { tiers: { reasoning: 1_000 } } });
    expect(Object.isFrozen(options.budget.tiers)).toBe(true);
  });
});
