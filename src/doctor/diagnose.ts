import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { environmentWithFile, inspectOptions, type InspectedOptions } from '../config/load-options.js';
import { checkAuthentication } from './check-authentication.js';
import { checkEmbeddings } from './check-embeddings.js';
import { checkFolder } from './check-folder.js';
import { checkListening } from './check-listening.js';
import { checkNode } from './check-node.js';
import { checkPostgres } from './check-postgres.js';
import { checkTokens } from './check-tokens.js';
import { failed, failure, ok, skipped, type Finding, type Result } from './finding.js';
import { masking } from './secrets.js';

/**
 * Looks at everything that a service needs, changes nothing, and survives whatever is broken.
 * @param environment as for `loadOptions`
 * @returns findings in the order of the checks, each as soon as it is there; never a secret of the settings
 */
export async function* diagnose(environment?: NodeJS.ProcessEnv): AsyncGenerator<Finding, void> {
  yield named('node', checkNode(process.versions.node));
  const read = readSettings(environment);
  yield* read.findings;
  const { options, problems } = read.inspected;
  const mask = masking(options);
  const isWrong = (...names: string[]): boolean =>
    problems.some(({ name }) => names.includes(name.split('.')[0] ?? ''));
  const checks: readonly (readonly [name: string, variables: readonly string[], check: Check])[] = [
    ['authentication', ['AUTH_MODE', ...JWT], () => checkAuthentication(options)],
    ['tokens', ['TOKEN_ENCODING', 'TOKEN_MODEL'], () => checkTokens(options)],
    ['embeddings', EMBEDDINGS, () => checkEmbeddings(options.embeddings)],
  ];
  for (const [name, variables, check] of checks) {
    if (isWrong(...variables)) yield named(name, skipped('its settings are not acceptable'));
    else yield masked(named(name, await surviving(check)), mask);
  }
  const listening = await surviving(() => checkListening(options.http));
  yield masked(named('port', listening), mask);
  if (isWrong('DATABASE_URL', 'DATA_DIR')) {
    yield named('database', skipped('its settings are not acceptable'));
    return;
  }
  const isServing = 'isServing' in listening && listening.isServing === true;
  const parts = options.database.url ? checkPostgres(options) : checkFolder(options, isServing);
  try {
    for await (const finding of parts) yield masked(finding, mask);
  } catch (error) {
    yield masked(named('database', failure(error, 'Look into the log of the database.')), mask);
  }
}

type Check = () => Promise<Result> | Result;
const JWT = ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_JWKS_URL', 'JWT_ALGORITHMS', 'JWT_TENANT_CLAIM'];
const EMBEDDINGS = [
  'EMBEDDINGS',
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'EMBEDDING_MODEL',
  'EMBEDDING_DIMENSIONS',
  'EMBEDDING_TIMEOUT_MS',
];

function readSettings(given: NodeJS.ProcessEnv | undefined): {
  findings: Finding[];
  inspected: InspectedOptions;
} {
  const findings: Finding[] = [];
  let environment = given ?? {};
  const file = resolve('.env');
  try {
    environment = given ?? environmentWithFile();
    if (!given)
      findings.push(named('.env', ok(existsSync(file) ? `${file} is read` : `there is no ${file}`)));
  } catch (error) {
    findings.push(named('.env', failure(error, `Make ${file} a file that this user may read.`)));
  }
  const inspected = inspectOptions(environment);
  const { problems } = inspected;
  const detail = problems.map(({ name, message }) => `${name}: ${message}`).join('\n');
  const result =
    problems.length === 0
      ? ok('acceptable')
      : failed(detail, 'Correct these variables; .env.example has each.');
  return { findings: [...findings, named('settings', result)], inspected };
}

async function surviving(check: Check): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    return failure(error, 'This check itself failed: report it.');
  }
}

function named(name: string, result: Result): Finding {
  const { state, detail, remedy } = result;
  return { name, state, detail, ...(remedy !== undefined && { remedy }) };
}

function masked({ detail, ...finding }: Finding, mask: (text: string) => string): Finding {
  return { ...finding, detail: mask(detail) };
}
