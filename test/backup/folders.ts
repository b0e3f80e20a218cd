import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedEngine } from '../../src/database/embedded-engine.js';
import type { TestDatabase } from '../support/engines.js';

/** A folder for the files and embedded databases of a test. */
export class TestFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), 'triptych-backup-'));

  file(name: string): string {
    return join(this.#folder, name);
  }

  /** An embedded database that stays when it is closed, and is not there at first. */
  embedded(name: string): TestDatabase {
    return {
      engine: 'embedded',
      settings: { dataDir: this.file(name) },
      drop: () => Promise.resolve(),
    };
  }

  /** One that is there and migrated. */
  async migrated(name: string): Promise<TestDatabase> {
    const archive = readFileSync(join(process.env['TRIPTYCH_TEST_FOLDER'] ?? '', 'embedded.tar'));
    const engine = await EmbeddedEngine.open(this.file(name), new Blob([archive]));
    await engine.close();
    return this.embedded(name);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
