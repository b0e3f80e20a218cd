import { Database } from '../../src/database/database.js';
import type { Message } from '../../src/session/message.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import type { TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { asSuperuser } from '../support/superuser.js';

export const user = (content: string): Message => ({ role: 'user', content });

/** Holds whoever waits for it until it is opened. */
export class Gate {
  readonly opened: Promise<void>;
  /** Resolves when the first one stands before it. */
  readonly reached: Promise<void>;
  open: () => void;
  #reach: () => void;

  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
    this.reached = new Promise((resolve) => (this.#reach = resolve));
  }

  pass(): Promise<void> {
    this.#reach();
    return this.opened;
  }
}

/** Instances of the application on one database: two on PostgreSQL, and the one that the embedded engine has. */
export class Instances {
  #home: TestDatabase;
  #services: TestService[] = [];
  #tenants = 0;

  async open(createDatabase: () => Promise<TestDatabase>, poolSize?: number): Promise<void> {
    const home = await createDatabase();
    this.#home = { ...home, settings: { ...home.settings, ...(poolSize && { poolSize }) } };
    this.#services = [await TestService.start(this.#home)];
    if (home.engine === 'postgres') this.#services.push(await TestService.start(this.#home));
  }

  async close(): Promise<void> {
    for (const service of this.#services) await service.stop();
    await this.#home.drop();
  }

  get engine(): TestDatabase['engine'] {
    return this.#home.engine;
  }

  get count(): number {
    return this.#services.length;
  }

  /** A tenant of which nothing is known yet; no such name is a part of another. */
  newTenant(): string {
    return `tenant-${String((this.#tenants += 1)).padStart(6, '0')}`;
  }

  /** An instance by its number, beginning with the first again after the last. */
  service(instance = 0): TestService {
    return this.#services[instance % this.count] as TestService;
  }

  /** Runs in an instance, as a tenant. */
  within<T>(
    tenant: string,
    work: (sessions: SessionStore, database: Database) => Promise<T>,
    instance = 0,
  ): Promise<T> {
    const { app } = this.service(instance);
    return app.get(TenantContext).run(tenant, () => work(app.get(SessionStore), app.get(Database)));
  }

  superuser(sql: string): Promise<Record<string, unknown>[]> {
    return asSuperuser(this.#home, this.service().app.get(Database), sql);
  }

  /** How many rows name the tenant, by table: of all tables that the catalogue has in our schemas. */
  async rowsOf(tenant: string): Promise<Record<string, number>> {
    return this.#count(`strpos(r::text, '${tenant}') > 0`);
  }

  /** In how many rows a text of ASCII stands, in the clear or in a `bytea`, which shows as hexadecimal. */
  async rowsSaying(text: string): Promise<Record<string, number>> {
    const hex = Buffer.from(text).toString('hex');
    return this.#count(`strpos(r::text, '${text}') > 0 OR strpos(r::text, '${hex}') > 0`);
  }

  async #count(condition: string): Promise<Record<string, number>> {
    const tables = await this.superuser(
      `SELECT oid::regclass::text AS name FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace IN ('shared'::regnamespace, 'checkpoints'::regnamespace)`,
    );
    const counts = await this.superuser(
      tables
        .map(
          ({ name }) =>
            `SELECT '${String(name)}' AS name, count(*)::int AS rows FROM ${String(name)} r WHERE ${condition}`,
        )
        .join(' UNION ALL '),
    );
    const found = counts.filter(({ rows }) => rows !== 0);
    return Object.fromEntries(found.map(({ name, rows }) => [String(name), rows as number]));
  }
}
