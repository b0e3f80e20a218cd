import { describe, expect, it } from '@jest/globals';
import { StartupError } from '../errors.js';
import { checkOptions, inspectOptions, loadOptions } from './load-options.js';

describe('loadOptions', () => {
  it('has a default for everything, the built-in embedder and the embedded engine included', () => {
    const options = loadOptions({});
    expect(options.http).toMatchObject({ host: '127.0.0.1', port: 3000 });
    expect(options.database).toEqual({
      dataDir: '.data',
      migrateOnStart: false,
      poolSize: 10,
      startTimeoutMs: 30_000,
      poolWaitMs: 5_000,
      statementTimeoutMs: 30_000,
      lockTimeoutMs: 10_000,
      idleTransactionTimeoutMs: 60_000,
    });
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
    for (const problem of [
      'PORT: must be a number$',
      'EMBEDDINGS: ',
      'EMBEDDING_DIMENSIONS: must be at least 8$',
      'TOKEN_BUDGETS: must be a JSON object$',
      'DATABASE_URL: ',
      'SPILL_OVER: must be true or false$',
      'LOG_LEVEL: ',
      'HOST: ',
    ])
      expect(problems).toThrow(new RegExp(`^ {2}${problem}`, 'm'));
    expect(problems).toThrow(StartupError);
  });

  it('reads who may ask, and by what', () => {
    const options = loadOptions({
      AUTH_MODE: 'jwt',
      HOST: '0.0.0.0',
      NODE_ENV: 'production',
      JWT_ISSUER: 'https://id.example',
      JWT_AUDIENCE: 'triptych',
      JWT_JWKS_URL: 'https://id.example/jwks',
      JWT_ALGORITHMS: 'ES256, RS256',
      RATE_LIMIT: '50',
      DAILY_QUOTA: '1000',
    });
    expect(options.http).toMatchObject({ host: '0.0.0.0', production: true });
    expect(options.jwt).toEqual({
      issuer: 'https://id.example',
      audience: 'triptych',
      jwksUrl: 'https://id.example/jwks',
      algorithms: ['ES256', 'RS256'],
      tenantClaim: 'tenant_id',
    });
    expect(options.limits).toEqual({ rate: 50, dailyQuota: 1_000 });
    expect(loadOptions({ NODE_ENV: 'test' }).http.production).toBe(false);
  });

  it('refuses tokens that anyone could make, and keys that anyone could replace', () => {
    for (const algorithm of ['none', 'HS256', 'RS256,HS512', ''])
      expect(() => checkOptions({ jwt: { algorithms: algorithm.split(',') } })).toThrow(/jwt\.algorithms/);
    for (const url of [
      'http://id.example/jwks',
      'ftp://id.example',
      'id.example',
      'http://127.0.0.1.id.example/',
    ])
      expect(() => loadOptions({ JWT_JWKS_URL: url })).toThrow(/JWT_JWKS_URL: /);
    for (const url of ['http://127.0.0.1:1/jwks', 'http://[::1]/jwks', 'http://localhost/jwks'])
      expect(loadOptions({ JWT_JWKS_URL: url }).jwt.jwksUrl).toBe(url);
    for (const user of ['me', 'me:secret', ':secret'])
      for (const name of ['JWT_JWKS_URL', 'OPENAI_BASE_URL', 'SUMMARY_BASE_URL'])
        expect(() => loadOptions({ [name]: `https://${user}@id.example/jwks` })).toThrow(
          new RegExp(`${name}: must name no user`),
        );
  });

  it('names all that AUTH_MODE=jwt lacks, beside problems of other settings', () => {
    const problems = (): unknown => loadOptions({ AUTH_MODE: 'jwt', PORT: 'eighty' });
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_JWKS_URL', 'PORT'])
      expect(problems).toThrow(new RegExp(`^ {2}${name}: `, 'm'));
    expect(() => loadOptions({ AUTH_MODE: 'open' })).toThrow(/AUTH_MODE: /);
  });

  it('refuses what does not fit together', () => {
    expect(() => loadOptions({ HOST: '0.0.0.0' })).toThrow(/HOST: .*loopback/);
    expect(() => loadOptions({ EMBEDDINGS: 'openai' })).toThrow(/EMBEDDINGS: .*OPENAI_API_KEY/);
    for (const environment of [{ TOKEN_BUDGETS: '{"fast":8000}' }, { DEFAULT_TIER: 'resoning' }])
      expect(() => loadOptions(environment)).toThrow(
        /DEFAULT_TIER: "res?\w+" is none of the tiers of TOKEN_BUDGETS: fast/,
      );
    const shares = '{"systemPrompt":0.5,"sessionHistory":0.5,"relevantContext":0.5,"taskAndBuffer":0.5}';
    expect(() => loadOptions({ BUDGET_SHARES: shares })).toThrow(/BUDGET_SHARES: .*add up to 1/);
    expect(() => loadOptions({ BUDGET_SHARES: '{"systemPrompt":2}' })).toThrow(
      /BUDGET_SHARES\.systemPrompt: /,
    );
  });
});

describe('inspectOptions', () => {
  const others = { DATABASE_URL: 'postgres://db.example/db', AUTH_MODE: 'api-key', RECEIPTS_KEPT: '7' };

  it.each([
    ['a misspelt tier', { DEFAULT_TIER: 'resoning' }, ['DEFAULT_TIER']],
    ['tiers without the default one', { TOKEN_BUDGETS: '{"fast":8000}' }, ['DEFAULT_TIER']],
    [
      'tiers without the default one, and a misspelt one',
      { TOKEN_BUDGETS: '{"fast":8000}', DEFAULT_TIER: 'fats' },
      ['DEFAULT_TIER'],
    ],
    ['a number that is none', { RATE_LIMIT: 'lots' }, ['RATE_LIMIT']],
    ['a provider that needs more', { EMBEDDINGS: 'openai' }, ['EMBEDDINGS']],
    ['a model that needs more', { SUMMARY_MODEL: 'gpt' }, ['SUMMARY_MODEL']],
  ])('leaves the other settings in force beside %s', (_what, environment, names) => {
    const { options, problems } = inspectOptions({ ...others, ...environment });
    expect(problems.map(({ name }) => name)).toEqual(names);
    expect(options).toEqual(loadOptions(others));
  });

  it('leaves a paid provider alone for want of an issuer', () => {
    const local = { EMBEDDINGS: 'local', OPENAI_API_KEY: 'sk-key', DATABASE_URL: others.DATABASE_URL };
    const { options, problems } = inspectOptions({ ...local, AUTH_MODE: 'jwt', RATE_LIMIT: 'lots' });
    expect(problems.map(({ name }) => name).sort()).toEqual([
      'JWT_AUDIENCE',
      'JWT_ISSUER',
      'JWT_JWKS_URL',
      'RATE_LIMIT',
    ]);
    expect(options).toEqual(loadOptions(local));
  });
});

describe('checkOptions', () => {
  it('refuses unknown settings and freezes what it gives', () => {
    expect(() => checkOptions({ databse: {} })).toThrow(/databse/);
    const options = checkOptions({ budget: { tiers: { reasoning: 1_000 } } });
    expect(Object.isFrozen(options.budget.tiers)).toBe(true);
  });
});
