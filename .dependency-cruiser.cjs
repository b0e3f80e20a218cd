/**
 * The arrows of docs/architecture.md, as errors:
 *   app → context → working-context → {session, memory} → {http, recall} → {embeddings, summaries, tokens} → {openai, tenancy} → database → config
 * A room may import the rooms to its right, `errors.ts` and `migrations/` (database only). `session` and
 * `memory` do not know each other; `http` serves controllers and filters only. `backup` is for its own two command
 * lines.
 */
const rooms = {
  config: [],
  database: ['config'],
  tenancy: ['database', 'config'],
  backup: ['tenancy', 'database', 'config'],
  tokens: ['config'],
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
};

const arrows = Object.entries(rooms).map(([room, allowed]) => ({
  name: `arrows-of-${room}`,
  severity: 'error',
  comment: `${room} may import only: ${[room, ...allowed, 'errors'].join(', ')}`,
  // The command line of tenants is an application of its own: it joins rooms, as that does.
  from: { path: `^src/${room}/`, pathNot: '^src/tenancy/tenant-command-line\\.ts$' },
  to: { path: '^src/', pathNot: [`^src/(${[room, ...allowed].join('|')})/`, '^src/errors\\.ts$'] },
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
