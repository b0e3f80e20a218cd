import type pg from 'pg';

/** How long a plan is kept, in milliseconds. */
const PLAN_LIFE = 5_000;

const names = new Map<string, string>();

/**
 * Notes that a statement is sent so often, and always in the same words, that each connection shall parse and plan it
 * under a name: a round trip of some of them takes half as long then. One plan serves all tenants and is kept while
 * tables grow, so a statement is noted only if that plan is as good for a tenant of 10 rows as for one of 100,000:
 * each table is looked up by a whole key (`test/isolation/prepared-statements.spec.ts`).
 *
 * Statements inside of a unit of work are sent without a name: a name that is lost would end the transaction, and what was
 * done in it before cannot be done again from here.
 * @param name unique, of letters and underscores
 * @returns the text
 */
export function prepared(name: string, text: string): string {
  for (const [known, taken] of names)
    if ((known === text) !== (taken === name))
      throw new Error(`The prepared statement ${name} or its text is there already.`);
  names.set(text, name);
  return text;
}

/** The names of all statements that were noted, with their texts. */
export function preparedStatements(): ReadonlyMap<string, string> {
  return new Map([...names].map(([text, name]) => [serverName(name), text]));
}

/** Under which name a text is sent; undefined: under none. */
export function preparedName(text: unknown): string | undefined {
  const name = typeof text === 'string' ? names.get(text) : undefined;
  return name === undefined ? undefined : serverName(name);
}

function serverName(name: string): string {
  return `triptych_${name}`;
}

/** When each name was parsed last, by `performance.now`. */
const parsed = new WeakMap<pg.PoolClient, Map<string, number>>();

/**
 * Which names a connection has. A plan is made anew from time to time: PostgreSQL itself does so when a table has been
 * analyzed, and one for tables that held next to nothing is of no use once a tenant has imported all it has.
 */
export const ParsedNames = {
  isThere(client: pg.PoolClient, name: string): boolean {
    const at = parsed.get(client)?.get(name);
    return at !== undefined && performance.now() - at < PLAN_LIFE;
  },

  /** Takes note of a statement that was parsed under a name and answered. */
  add(client: pg.PoolClient, name: string): void {
    const ofClient = parsed.get(client) ?? new Map<string, number>();
    parsed.set(client, ofClient.set(name, performance.now()));
  },

  remove(client: pg.PoolClient, name: string): void {
    parsed.get(client)?.delete(name);
  },
};

/** What is used here of node-postgres' connection, which its types leave out. */
export interface Protocol {
  parse(message: { text: string; name: string }): void;
  bind(message: { statement: string; values: readonly unknown[] }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: 'S' | 'P'; name: string }): void;
}

/**
 * A connection on which a statement is parsed under a name, unless it has that already, and run under it. To close a name
 * that is not there is no mistake.
 */
export function underName(connection: Protocol, name: string, isThere: boolean): Protocol {
  return Object.assign(Object.create(connection) as Protocol, {
    parse(message: { text: string; name: string }) {
      if (isThere) return;
      connection.close({ type: 'S', name });
      connection.parse({ ...message, name });
    },
    bind(message: { statement: string; values: readonly unknown[] }) {
      connection.bind({ ...message, statement: name });
    },
  });
}
