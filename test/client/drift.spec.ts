import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import clientJson from '../../packages/client/package.json' with { type: 'json' };
import { checkOptions } from '../../src/config/load-options.js';
import { createApp } from '../../src/create-app.js';
import { openApiDocument } from '../../src/http/openapi.js';

const CLIENT = join(__dirname, '../../packages/client');
/** What to do when one of these fails. */
const REMEDY = 'npm run client:generate';

function filesOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );
}

describe(`the client, or ${REMEDY}`, () => {
  let fresh: string;
  beforeAll(() => {
    fresh = mkdtempSync(join(tmpdir(), 'triptych-client-'));
  });
  afterAll(() => {
    rmSync(fresh, { recursive: true, force: true });
  });

  it('was made of the document of the running service', async () => {
    const options = checkOptions({ log: { level: 'silent' }, database: { dataDir: 'memory://' } });
    const app = await createApp(options);
    const document = openApiDocument(app, packageJson.version);
    await app.close();
    const kept: unknown = JSON.parse(readFileSync(join(CLIENT, 'openapi.json'), 'utf8'));
    expect(JSON.parse(JSON.stringify(document))).toEqual(kept);
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods as Record<string, { operationId: string }>).map(({ operationId }) => operationId),
    );
    expect(ids.filter((id) => !/^[a-z]+([A-Z][a-z]+)*$/.test(id))).toEqual([]);
  });

  it('is what the generator makes of that', () => {
    execFileSync(process.execPath, [join(CLIENT, 'generate.mjs'), '--to', fresh]);
    const made = filesOf(fresh);
    const kept = filesOf(join(CLIENT, 'src/generated'));
    expect([...kept.keys()]).toEqual([...made.keys()]);
    for (const [path, text] of made) expect({ path, text: kept.get(path) }).toEqual({ path, text });
  });

  it('has the version of the service, and needs nothing', () => {
    expect(clientJson.version).toBe(packageJson.version);
    expect(packageJson.dependencies['triptych-client']).toBe(clientJson.version);
    expect(clientJson).not.toHaveProperty('dependencies');
  });
});
