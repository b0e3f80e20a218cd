/**
 * The arrows of docs/architecture.md, as errors:
 *   app → mcp → context → working-context → {session, memory} → {http, recall} → {embeddings, summaries, tokens} → {openai, tenancy} → database → {config, telemetry}
 * A room may import the rooms to its right, `errors.ts` and `migrations/` (database only). `session` and
 * `memory` do not know each other; `http` serves controllers and filters only. `backup` and `doctor` are for the command
 * line, `cli`, which is of the app: it may import all, and nobody imports it.
 */
const rooms = {
  config: [],
  console: ['config'],
  telemetry: [],
  database: ['config'],
  tenancy: ['database', 'config'],
  backup: ['tenancy', 'database', 'config'],
  tokens: ['config'],
  doctor: ['embeddings', 'tokens', 'database', 'config'],
  openai: ['config'],
  embeddings: ['openai', 'config'],
  summaries: ['openai', 'config'],
  http: ['tenancy', 'database', 'config'],
  recall: ['embeddings', 'tokens', 'tenancy', 'database', 'config'],
  session: ['http', 'recall', 'embeddings', 'tokens', 'tenancy', 'database', 'config'],
  memory: ['http', 'recall', 'embeddings', 'tokens', 'tenancy', 'database', 'config'],
  'working-context': [
    'session',
    'memory',
    'http',
    'recall',
    'embeddings',
    'tokens',
    'tenancy',
    'database',
    'config',
  ],
  context: [
    'working-context',
    'session',
    'memory',
    'http',
    'recall',
    'embeddings',
    'summaries',
    'tokens',
    'tenancy',
    'database',
    'config',
  ],
  mcp: ['context', 'working-context', 'session', 'memory', 'http', 'recall', 'tenancy', 'database', 'config'],
};

/** Any room but `config` may tell what it does. */
const withTelemetry = ([room, allowed]) => [room, room === 'config' ? allowed : [...allowed, 'telemetry']];

const arrows = Object.entries(rooms)
  .map(withTelemetry)
  .map(([room, allowed]) => ({
    name: `arrows-of-${room}`,
    severity: 'error',
    comment: `${room} may import only: ${[room, ...allowed, 'errors'].join(', ')}`,
    from: { path: `^src/${room}/` },
    to: {
      path: '^src/',
      // Over stdio `mcp` is an application of its own, whose log goes elsewhere.
      pathNot: [
        `^src/(${[room, ...allowed].join('|')})/`,
        `^src/(errors${room === 'mcp' ? '|logger' : ''})\\.ts$`,
      ],
    },
  }));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'errors-know-nobody',
      severity: 'error',
      from: { path: '^src/errors\\.ts$' },
      to: { path: '^src/' },
    },
    {
      name: 'nobody-knows-the-command-line',
      severity: 'error',
      comment: 'But main.ts, the command `serve` as a file of its own, which ends with the same status.',
      from: { pathNot: '^src/(cli/|main\\.ts$)' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'http-for-controllers-only',
      severity: 'error',
      comment: 'A tier uses http/ in its controllers and request shapes, never in its logic.',
      from: {
        path: '^src/(session|memory|working-context|context)/',
        pathNot: '\\.(controller|request|view)\\.ts$',
      },
      to: { path: '^src/http/' },
    },
    {
      name: 'migrations-stand-alone',
      severity: 'error',
      comment: 'A migration must mean the same for ever: it imports nothing of src but the settings.',
      from: { path: '^migrations/' },
      to: { path: '^src/', pathNot: '^src/config/' },
    },
    ...arrows,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.spec\\.ts$' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
