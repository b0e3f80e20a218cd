import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLIENT_VARIABLE_NAMES } from '../../src/config/client-options.js';
import { fencedBlocks, textOf } from '../support/markdown.js';
import { TestService } from '../support/service.js';
import { triptych } from '../support/triptych.js';

const DOCUMENT = 'docs/cli.md';

/** The lines of a block that are commands, and what it exports before them. */
function commandsOf(block: string): { environment: NodeJS.ProcessEnv; commands: string[][] } {
  const lines = block.split('\n').filter((line) => line !== '');
  const exported = lines.flatMap((line) => /^export (\w+)=(\S+)$/.exec(line)?.slice(1, 3) ?? []);
  const commands = lines.filter((line) => line.startsWith('triptych ')).map(wordsOf);
  expect(commands.length + exported.length / 2).toBe(lines.length);
  const [name, value] = exported;
  return { environment: name === undefined ? {} : { [name]: value }, commands };
}

/** As a shell splits a line, which has no more than single quotes. */
function wordsOf(line: string): string[] {
  const words = Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
  return words.slice(1);
}

describe(DOCUMENT, () => {
  const [onService = '', onDatabase = ''] = fencedBlocks(DOCUMENT, 'sh');
  let service: TestService;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-cli-docs-'));
    const seed = new Blob([readFileSync(join(process.env['TRIPTYCH_TEST_FOLDER'] ?? '', 'embedded.tar'))]);
    const settings = { dataDir: join(folder, 'data') };
    service = await TestService.start({ engine: 'embedded', settings, seed, drop: () => Promise.resolve() });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('has lines that work, first on a service and then on its database', async () => {
    const client = commandsOf(onService);
    for (const args of client.commands) {
      const outcome = await triptych({ ...client.environment, TRIPTYCH_URL: service.url }, args);
      expect({ args, ...outcome }).toMatchObject({ args, status: 0, stderr: '' });
      expect(outcome.stdout).not.toBe('');
    }
    await service.stop();
    const environment = { DATA_DIR: join(folder, 'data'), PORT: '0' };
    for (const args of commandsOf(onDatabase).commands) {
      const here = args.map((word) => (word.endsWith('.gz') ? join(folder, word) : word));
      const { status, stderr } = await triptych(environment, here);
      expect({ args, status, stderr }).toMatchObject({ args, status: 0 });
    }
  });

  it('names every variable of the client', () => {
    for (const name of CLIENT_VARIABLE_NAMES) expect(textOf(DOCUMENT)).toContain(`| \`${name}\``);
  });

  it('lists every command of the help', async () => {
    const { stdout } = await triptych({}, ['--help']);
    const [, listed = ''] = /\nCommands:\n(.*?)\n\n/s.exec(stdout) ?? [];
    const names = Array.from(listed.matchAll(/^ {2}(\S+)/gm), ([, name = '']) => name);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) expect(textOf(DOCUMENT)).toMatch(new RegExp(`\`${name}\\b`));
  });
});
