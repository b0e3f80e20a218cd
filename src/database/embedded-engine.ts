import type { PGlite } from '@electric-sql/pglite';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FolderLock } from './folder-lock.js';

/** `memory://` keeps nothing and needs no lock. */
const IN_MEMORY = 'memory://';

/** A PostgreSQL that runs inside this process, with pgvector, on a folder that is held by a lock. */
export class EmbeddedEngine {
  readonly pglite: PGlite;
  readonly #lock: FolderLock | undefined;

  private constructor(pglite: PGlite, lock: FolderLock | undefined) {
    this.pglite = pglite;
    this.#lock = lock;
  }

  /**
   * @param seed archive of a data folder to begin with, used only when there is no data yet
   * @throws StartupError when another process holds the folder
   */
  static async open(dataDir: string, seed?: Blob): Promise<EmbeddedEngine> {
    const lock = dataDir === IN_MEMORY ? undefined : await FolderLock.acquire(dataDir);
    try {
      // Loaded on demand: a service on an external database never pays for the WebAssembly build.
      const { PGlite } = await import('@electric-sql/pglite');
      const { vector } = await import('@electric-sql/pglite-pgvector');
      const folder = lock ? join(dataDir, 'pgdata') : IN_MEMORY;
      const isNew = !existsSync(join(folder, 'PG_VERSION'));
      const pglite = await PGlite.create({
        dataDir: folder,
        extensions: { vector },
        ...(seed && isNew && { loadDataDir: seed }),
      });
      return new EmbeddedEngine(pglite, lock);
    } catch (error) {
      lock?.release();
      throw error;
    }
  }

  /** Gives the folder back without waiting; for a process that is ending. Committed data is on disk. */
  abandon(): void {
    this.#lock?.release();
  }

  /** Closing twice is closing once. */
  async close(): Promise<void> {
    if (!this.pglite.closed) await this.pglite.close();
    this.#lock?.release();
  }
}
