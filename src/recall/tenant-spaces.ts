import { Inject, Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Embedders } from '../embeddings/embedders.js';
import { ShortLivedCache } from '../tenancy/short-lived-cache.js';

/** How long a process goes on in the space of before, once a tenant's vectors are all of another one. */
export const BELIEVED_MS = 3_000;
const KEPT = 10_000;

const READ_SPACE = `SELECT space FROM shared.recall_settings WHERE tenant_id = $1`;

/**
 * In which space of vectors (`model/dimensions`) each tenant's memories are found: that of its first memory, until they are
 * migrated. It is believed for a few seconds. A search in the space of before finds what was there, since the vectors of
 * that space stay; and whatever is stored with its vectors gets those of the tenant's space, too (`hold_recall_settings`).
 */
@Injectable()
export class TenantSpaces {
  readonly #spaces = new ShortLivedCache<string | null>(KEPT);

  constructor(
    @Inject(Database) private readonly database: Database,
    readonly embedders: Embedders,
  ) {}

  /** That of the tenant in scope; of one without memories, that of the settings. */
  async of(tenantId: string): Promise<string> {
    const space = await this.#spaces.get(tenantId, async () => {
      const [row] = await this.database.query<{ space: string | null }>(READ_SPACE, [tenantId]);
      return { value: row?.space ?? null, forMs: BELIEVED_MS };
    });
    return space ?? this.embedders.defaultSpace;
  }

  /** What a write has just learned of it. */
  note(tenantId: string, space: string): void {
    this.#spaces.set(tenantId, { value: space, forMs: BELIEVED_MS });
  }
}
