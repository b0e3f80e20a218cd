// Over 200 lines: one table of every setting, its bounds and its default.
import { z } from 'zod';
import { MAX_DIMENSIONS, MIN_DIMENSIONS } from './dimensions.js';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/**
 * Asymmetric signatures only: with a symmetric one, whoever can check a token can also make one, and a
 * public key taken for a shared secret forges any.
 */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const port = z.int().min(0).max(65_535);
const share = z.number().min(0).max(1);
const sum = (shares: Record<string, number>): number =>
  Object.values(shares).reduce((total, value) => total + value, 0);
const shares = z
  .strictObject({ systemPrompt: share, sessionHistory: share, relevantContext: share, taskAndBuffer: share })
  .refine((shares) => Math.abs(sum(shares) - 1) <= 1e-9, {
    error: ({ input }) => `the four shares must add up to 1, not ${sum(input as Record<string, number>)}`,
  });
const tierTotal = z.int().min(256).max(10_000_000);

/** A key set fetched in the clear could be replaced on its way, and every token with it. */
function isConfidential(url: string): boolean {
  if (!URL.canParse(url)) return true; // told by the check of its form
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || LOOPBACK.has(hostname.replace(/^\[|\]$/g, ''));
}

/** `fetch` takes no address with a user or a password, so no key would ever be read. */
function namesNobody(url: string): boolean {
  if (!URL.canParse(url)) return true; // told by the check of its form
  const { username, password } = new URL(url);
  return username === '' && password === '';
}

const serverUrl = z
  .url({ protocol: /^https?$/ })
  .refine(namesNobody, { error: 'must name no user and no password: no request can be made with them' });

const settingsSchema = z.strictObject({
  /** Where the standalone service listens; unused inside a host application. */
  http: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: port.default(3000),
      /** Whether this is a production environment, where the service refuses `auth.mode` dev. */
      production: z.boolean().default(false),
      /** Largest request body, in bytes. */
      bodyLimit: z.int().min(1_024).max(104_857_600).default(1_048_576),
      /** Longest time that a request may take to arrive, its body included, in milliseconds; its headers: half of it. */
      requestTimeoutMs: z.int().min(1_000).max(600_000).default(30_000),
      /** How long a service that is told to stop still takes new connections, in milliseconds. */
      shutdownDelayMs: z.int().min(0).max(300_000).default(500),
      /** Longest time to stop in, in milliseconds, the delay included; then the process ends as it is. */
      shutdownTimeoutMs: z.int().min(1_000).max(600_000).default(10_000),
    })
    .refine(({ shutdownDelayMs, shutdownTimeoutMs }) => shutdownDelayMs <= shutdownTimeoutMs / 2, {
      error: 'must be at most half of SHUTDOWN_TIMEOUT_MS',
      path: ['shutdownDelayMs'],
    })
    .prefault({}),
  database: z
    .strictObject({
      /** Connection string of PostgreSQL ≥ 15 with pgvector ≥ 0.8; absent: the embedded engine in `dataDir`. */
      url: z
        .string()
        .regex(/^postgres(ql)?:\/\//, 'must be a postgres:// connection string')
        .optional(),
      /** Folder of the embedded engine; `memory://` keeps nothing. */
      dataDir: z.string().min(1).default('.data'),
      /** Bring an external database to the newest schema at start, under one lock. */
      migrateOnStart: z.boolean().default(false),
      /** Connections to an external database; the embedded engine has one. */
      poolSize: z.int().min(1).max(1_000).default(10),
      /** How long the service waits at start for an external database that is not there yet, in ms; 0: not at all. */
      startTimeoutMs: z.int().min(0).max(3_600_000).default(30_000),
      /** How long a request waits for a connection to an external database, in ms. */
      poolWaitMs: z.int().min(100).max(600_000).default(5_000),
      /** Longest statement on an external database, in ms; reindexing and pruning have none. */
      statementTimeoutMs: z.int().min(100).max(600_000).default(30_000),
      /** Longest wait for one lock of an external database, in ms. */
      lockTimeoutMs: z.int().min(100).max(600_000).default(10_000),
      /** After so long without a statement an external database ends a transaction, in ms. */
      idleTransactionTimeoutMs: z.int().min(100).max(600_000).default(60_000),
    })
    .prefault({}),
  /** Who is asking, over HTTP; unused inside a host application, which authenticates by itself. */
  auth: z.strictObject({ mode: z.enum(['dev', 'api-key', 'jwt']).default('dev') }).prefault({}),
  /** What a token must be, for `auth.mode` jwt. */
  jwt: z
    .strictObject({
      issuer: z.string().min(1).optional(),
      audience: z.string().min(1).optional(),
      jwksUrl: serverUrl
        .refine(isConfidential, { error: 'must be https, or http on a loopback address' })
        .optional(),
      algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256', 'PS256', 'ES256', 'EdDSA']),
      /** The claim that names the tenant. */
      tenantClaim: z.string().min(1).default('tenant_id'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Requests per second of each tenant; 0: no limit. Absent: 50, and no limit with `auth.mode` dev. */
      rate: z.int().min(0).max(1_000_000).optional(),
      /**
       * Requests of each tenant that are worked on at once; others wait in line. 0: no limit. Absent: 2, and no
       * limit with `auth.mode` dev.
       */
      concurrency: z.int().min(0).max(10_000).optional(),
      /** Requests per day (UTC) of each tenant; 0: no limit. */
      dailyQuota: z.int().min(0).max(2_000_000_000).default(0),
    })
    .prefault({}),
  embeddings: z
    .strictObject({
      /** Absent: `openai` when a key or a base URL is given. */
      provider: z.enum(['local', 'openai']).optional(),
      apiKey: z.string().min(1).optional(),
      baseUrl: serverUrl.optional(),
      model: z.string().min(1).max(200).default('text-embedding-3-small'),
      dimensions: z.int().min(MIN_DIMENSIONS).max(MAX_DIMENSIONS).default(1536),
      timeoutMs: z.int().min(100).max(600_000).default(10_000),
      /** Requests to the embeddings server at once, of documents, and as many of queries. */
      concurrency: z.int().min(1).max(1_000).default(16),
      /** Texts in one request to the embeddings server. */
      batchSize: z.int().min(1).max(512).default(128),
    })
    .refine(({ provider, apiKey, baseUrl }) => provider !== 'openai' || apiKey || baseUrl, {
      error: 'openai needs OPENAI_API_KEY or OPENAI_BASE_URL',
      path: ['provider'],
    })
    .transform(({ provider, ...rest }) => ({
      ...rest,
      provider: provider ?? (rest.apiKey || rest.baseUrl ? ('openai' as const) : ('local' as const)),
    }))
    .prefault({}),
  recall: z
    .strictObject({
      /** PostgreSQL's text search configuration of tenants that have none of their own: `english`, `german`, `simple` … */
      textSearch: z
        .string()
        .regex(/^[a-z_][a-z0-9_]*$/, {
          error: 'must be the name of a text search configuration, such as english',
        })
        .default('english'),
      /** How long a compile waits for memories, in milliseconds; then it goes on without them. */
      timeoutMs: z.int().min(10).max(600_000).default(5_000),
    })
    .prefault({}),
  receipts: z
    .strictObject({
      /** Receipts that are kept of each thread, the newest; 0: none is written or read. */
      kept: z.int().min(0).max(1_000).default(20),
    })
    .prefault({}),
  /** The rolling summary of what the history of a thread no longer shows. */
  summary: z
    .strictObject({
      /** Name of a chat-completions model; absent: no summaries. */
      model: z.string().min(1).max(200).optional(),
      /** Longest summary, in tokens; what is longer is cut. */
      maxTokens: z.int().min(50).max(8_000).default(500),
      /** For one request to the model, in milliseconds, retries included. */
      timeoutMs: z.int().min(100).max(600_000).default(60_000),
      /** Absent: `embeddings.baseUrl`, and with it `embeddings.apiKey`. */
      baseUrl: serverUrl.optional(),
      /** Absent: `embeddings.apiKey`, unless `summary.baseUrl` names another server. */
      apiKey: z.string().min(1).optional(),
    })
    .prefault({}),
  budget: z
    .strictObject({
      /** Context window of each model tier, in tokens, or that with shares of the tier's own. */
      tiers: z
        .record(
          z.string().min(1).max(64),
          z.union([
            tierTotal,
            z.strictObject({
              total: tierTotal,
              shares: shares.optional(),
              spillOver: z.boolean().optional(),
            }),
          ]),
        )
        .default({ fast: 8_000, reasoning: 32_000 }),
      defaultTier: z.string().default('reasoning'),
      shares: shares.default({
        systemPrompt: 0.15,
        sessionHistory: 0.35,
        relevantContext: 0.35,
        taskAndBuffer: 0.15,
      }),
      /** The part of its room that a history may leave unused to begin where it began; 0: message by message. */
      historyStep: z.number().min(0).max(0.5).default(0.25),
      spillOver: z.boolean().default(false),
      /** In which tokens are counted; absent: that of `model`, or cl100k_base. */
      encoding: z.string().min(1).optional(),
      /** Whose tokens are counted: names an encoding and a safety factor (src/tokens/model-counting.ts). */
      model: z.string().min(1).max(200).optional(),
    })
    .refine(({ tiers, defaultTier }) => Object.hasOwn(tiers, defaultTier), {
      error: ({ input }) => {
        const { tiers, defaultTier } = input as { tiers: object; defaultTier: string };
        return `"${defaultTier}" is none of the tiers of TOKEN_BUDGETS: ${Object.keys(tiers).join(', ')}`;
      },
      path: ['defaultTier'],
    })
    .prefault({}),
  /** The Model Context Protocol at `/mcp` of the standalone service; unused inside a host application. */
  mcp: z.strictObject({ enabled: z.boolean().default(true) }).prefault({}),
  /** What `/metrics` of the standalone service shows; unused inside a host application. */
  metrics: z
    .strictObject({
      /** Whether there is `/metrics`; without it nothing is measured. */
      enabled: z.boolean().default(true),
      /** Storage by tenant, with the tenant as a label, instead of the sum. */
      tenantLabel: z.boolean().default(false),
    })
    .prefault({}),
  /** The web page at `/console` of the standalone service; unused inside a host application. */
  console: z.strictObject({ enabled: z.boolean().default(true) }).prefault({}),
  log: z
    .strictObject({
      level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
      format: z.enum(['json', 'pretty']).default('json'),
    })
    .prefault({}),
});

/** Settings whose rooms may still have problems of their own: those are to be told all at once. */
type Unchecked =
  { [Room in keyof z.output<typeof settingsSchema>]?: Record<string, unknown> } | null | undefined;
/** A host that is no text has a problem of its own. */
const isLoopback = (host: unknown): boolean => typeof host !== 'string' || LOOPBACK.has(host);
const always = (): boolean => true;

const neededByJwt = (setting: 'issuer' | 'audience' | 'jwksUrl') => ({
  holds: (settings: Unchecked) => settings?.auth?.['mode'] !== 'jwt' || settings.jwt?.[setting] !== undefined,
  otherwise: { path: ['jwt', setting], error: 'is needed by AUTH_MODE=jwt', when: always },
});
const [issuer, audience, jwksUrl] = [
  neededByJwt('issuer'),
  neededByJwt('audience'),
  neededByJwt('jwksUrl'),
] as const;

const SUMMARY_SERVER = [
  ['summary', 'apiKey'],
  ['summary', 'baseUrl'],
  ['embeddings', 'apiKey'],
  ['embeddings', 'baseUrl'],
] as const;
const summaryServer = {
  holds: (settings: Unchecked) =>
    settings?.summary?.['model'] === undefined ||
    SUMMARY_SERVER.some(([room, setting]) => settings[room]?.[setting] !== undefined),
  otherwise: {
    path: ['summary', 'model'],
    error: 'needs SUMMARY_BASE_URL, SUMMARY_API_KEY, OPENAI_BASE_URL or OPENAI_API_KEY',
    when: always,
  },
};

/**
 * Every setting, with its default. The same schema checks the environment of the service
 * (`loadOptions`) and the argument of `ContextModule.forRoot`.
 */
export const optionsSchema = settingsSchema
  .refine(
    (settings: Unchecked) => settings?.auth?.['mode'] !== 'dev' || isLoopback(settings.http?.['host']),
    {
      path: ['http', 'host'],
      error:
        'AUTH_MODE=dev trusts the header X-Tenant-Id, so it listens on loopback only: 127.0.0.1, ::1 or localhost',
      when: always,
    },
  )
  .refine(issuer.holds, issuer.otherwise)
  .refine(audience.holds, audience.otherwise)
  .refine(jwksUrl.holds, jwksUrl.otherwise)
  .refine(summaryServer.holds, summaryServer.otherwise);

/** What `ContextModule.forRoot` takes: any part of the settings, the rest at its default. */
export type TriptychSettings = z.input<typeof optionsSchema>;
/** The settings in force: complete, checked and frozen. */
export type TriptychOptions = z.output<typeof optionsSchema>;
/** Injection token of {@link TriptychOptions}. */
export const TRIPTYCH_OPTIONS = Symbol('TRIPTYCH_OPTIONS');

/** Freezes settings all the way down, so that nobody changes one behind another's back. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
