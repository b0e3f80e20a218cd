import { createClient } from '@hey-api/openapi-ts';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Writes the client from the service's own OpenAPI document:
 *   node packages/client/generate.mjs                  the document from the sources, then the client from it
 *   node packages/client/generate.mjs --to FOLDER      the client from the document as it is, to a folder
 */
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const DOCUMENT = here('openapi.json');

/** Compiled without a check of types: the command line uses the client, and may be ahead of it. */
async function writeDocument() {
  const root = here('../..');
  const compiled = here('../../node_modules/.cache/triptych-document');
  const flags = ['--noCheck', '--incremental', 'false', '--declaration', 'false', '--sourceMap', 'false'];
  const tsc = here('../../node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', compiled, ...flags], {
    cwd: root,
    stdio: 'inherit',
  });
  const load = (path) =>
    import(new URL(`../../node_modules/.cache/triptych-document/src/${path}`, import.meta.url));
  const { createApp } = await load('create-app.js');
  const { checkOptions } = await load('config/load-options.js');
  const { openApiDocument } = await load('http/openapi.js');
  const { version } = JSON.parse(readFileSync(here('../../package.json'), 'utf8'));
  const options = checkOptions({ log: { level: 'silent' }, database: { dataDir: 'memory://' } });
  const app = await createApp(options);
  const document = openApiDocument(app, version);
  writeFileSync(DOCUMENT, `${JSON.stringify(document, null, 2)}\n`);
  await app.close();
  rmSync(compiled, { recursive: true, force: true });
}

const { values } = parseArgs({ options: { to: { type: 'string' } } });
if (values.to === undefined) await writeDocument();
await createClient({
  input: DOCUMENT,
  output: {
    path: values.to ?? here('src/generated'),
    importFileExtension: '.js',
    entryFile: false,
    postProcess: [],
  },
  parser: {
    // Rules between fields, which TypeScript has no words for: it would say `unknown & …`.
    patch: { schemas: { NewMessage: (schema) => delete schema.allOf } },
  },
  logs: { level: 'silent', file: false },
  plugins: [
    { name: '@hey-api/typescript' },
    { name: '@hey-api/client-fetch', baseUrl: false, throwOnError: true },
    // A default client is shared by all who import it; a tenant's is given by name.
    { name: '@hey-api/sdk', client: false },
  ],
});
