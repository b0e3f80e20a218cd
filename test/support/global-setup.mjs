import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Migrates each engine once, before any test file: PostgreSQL into a template database that every test
 * clones, the embedded engine into an archive that every test starts from.
 */
export default function globalSetup() {
  const folder = mkdtempSync(join(tmpdir(), 'triptych-test-'));
  const template = `triptych_template_${process.pid}`;
  execFileSync(process.execPath, ['--import', 'tsx', 'test/support/prepare-engines.ts', folder, template], {
    stdio: 'inherit',
  });
  process.env.TRIPTYCH_TEST_FOLDER = folder;
  process.env.TRIPTYCH_TEST_TEMPLATE = template;
}
