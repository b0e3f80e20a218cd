import type {
  DataSource,
  EntityTarget,
  FindOptionsOrder,
  FindOptionsWhere,
  ObjectLiteral,
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
 * The only way to a TypeORM repository: every read gets the tenant's predicate, whatever the caller passed. Writes are
 * statements of our own. It is no subclass of `Repository` and offers no query builder, because a second `.where()`
 * drops a predicate, `.orWhere()` widens it, and `save()` takes a foreign row over.
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

  /** The tenant's id comes last, so that nothing a caller passes can stand in its place. */
  #own(where: Where<E>): FindOptionsWhere<E> {
    return { ...where, tenantId: this.#tenants.require() };
  }
}
