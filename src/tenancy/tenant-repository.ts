import type {
  DataSource,
  EntityTarget,
  FindOptionsOrder,
  FindOptionsWhere,
  ObjectLiteral,
  QueryDeepPartialEntity,
  Repository,
} from 'typeorm';
import type { TenantContext } from './tenant-context.js';

/** An entity that belongs to a tenant. */
export interface TenantEntity extends ObjectLiteral {
  tenantId: string;
}

/** What a caller may say of an entity: everything but whose it is. */
export type Where<E> = FindOptionsWhere<Omit<E, 'tenantId'>>;

export interface Page<E> {
  where?: Where<E> | Where<E>[];
  order?: FindOptionsOrder<E>;
  take?: number;
}

/**
 * The only way to a TypeORM repository: every read, change and delete gets the tenant's predicate, and
 * every row that is written gets the tenant's id, whatever the caller passed. It is no subclass of
 * `Repository` and offers no query builder, because a second `.where()` drops a predicate, `.orWhere()`
 * widens it, and `save()` takes a foreign row over.
 */
export class TenantRepository<E extends TenantEntity> {
  readonly #rows: Repository<E>;
  readonly #tenants: TenantContext;

  constructor(dataSource: DataSource, entity: EntityTarget<E>, tenants: TenantContext) {
    this.#rows = dataSource.getRepository(entity);
    this.#tenants = tenants;
  }

  find({ where = {}, ...page }: Page<E> = {}): Promise<E[]> {
    const wheres = Array.isArray(where) ? where : [where];
    return this.#rows.find({ ...page, where: wheres.map((one) => this.#own(one)) });
  }

  findOne(where: Where<E>): Promise<E | null> {
    return this.#rows.findOne({ where: this.#own(where) });
  }

  /** Plain INSERT: a key that exists is an error, never an overwrite. */
  async insert(rows: Omit<E, 'tenantId' | Stamped>[]): Promise<void> {
    const tenantId = this.#tenants.require();
    await this.#rows.insert(
      rows.map((row) => ({ ...row, tenantId })) as unknown as QueryDeepPartialEntity<E>[],
    );
  }

  /** @returns how many rows changed */
  async update(where: Where<E>, change: Partial<Omit<E, 'tenantId'>>): Promise<number> {
    const { tenantId: _, ...safe } = change as Partial<E>;
    const { affected } = await this.#rows.update(
      this.#own(where),
      safe as unknown as QueryDeepPartialEntity<E>,
    );
    return affected ?? 0;
  }

  /** @returns how many rows went */
  async delete(where: Where<E>): Promise<number> {
    const { affected } = await this.#rows.delete(this.#own(where));
    return affected ?? 0;
  }

  /** The tenant's id comes last, so that nothing a caller passes can stand in its place. */
  #own(where: Where<E>): FindOptionsWhere<E> {
    return { ...where, tenantId: this.#tenants.require() };
  }
}

/** Columns that the ORM or the database fills when they are left out. */
type Stamped =
  'createdAt' | 'updatedAt' | 'revision' | 'storedBy' | 'copies' | 'retractedAt' | 'embeddingStatus';
