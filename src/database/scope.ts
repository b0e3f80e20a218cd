import type pg from 'pg';
import { settingsOf, type ServerLimits } from './server-limits.js';

/** Who a transaction is for. */
export interface Scope {
  /** The role whose rights it has; `undefined`: the connection's own. */
  readonly role: string | undefined;
  /** '' when it is for no tenant: then row-level security shows nothing and takes nothing. */
  readonly tenant: string;
  /** Limits of this transaction alone; absent: those of its session. */
  readonly limits?: ServerLimits | undefined;
}

/** A statement that may be sent under its name. */
export interface Entry {
  /** '' when it is never sent under one. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly string[];
}

const ENTER = `set_config('app.tenant_id', $1, true), pg_backend_pid()`;
const ENTER_AS = `set_config('role', $2, true), ${ENTER}`;
/** For a statement under a name: its plan serves every tenant, and reads no table from end to end. */
const KEEP_PLAN = `set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)`;

/**
 * The statement that enters a scope: it holds until the end of the transaction and not a statement longer, behind
 * a pooler of transactions too. Its last column is the process that runs it.
 * @param keepsPlan whether what follows keeps its plan: see `prepared-statements.ts`
 */
export function entryOf({ role, tenant, limits }: Scope, keepsPlan = false): Entry {
  const suffix = keepsPlan ? '_kept' : '';
  const first = keepsPlan ? `${KEEP_PLAN}, ` : '';
  const entry =
    role === undefined
      ? { name: `triptych_enter${suffix}`, text: `${first}${ENTER}`, values: [tenant] }
      : { name: `triptych_enter_as${suffix}`, text: `${first}${ENTER_AS}`, values: [tenant, role] };
  if (!limits) return { ...entry, text: `SELECT ${entry.text}` };
  const settings = settingsOf(limits);
  const taken = entry.values.length + 1;
  const limiting = settings.map(([name], index) => `set_config('${name}', $${taken + index}, true), `);
  return {
    name: '',
    text: `SELECT ${limiting.join('')}${entry.text}`,
    values: [...entry.values, ...settings.map(([, value]) => value)],
  };
}

/** What a server says of a statement whose name it does not know, or knows already. */
const NAME_ERRORS = new Set(['26000', '42P05']);

/** The connections that lead to one process of PostgreSQL, each with the names that it knows. */
const direct = new WeakMap<pg.PoolClient, Set<string>>();
const indirect = new WeakSet<pg.PoolClient>();

/**
 * Entering a scope is half of what isolation costs a small read, and half of that is parsing, so a connection does
 * it once under a name. A pooler of transactions gives each transaction another process, in which the name is
 * unknown or somebody else's: there nothing is ever named. The process that answers tells them apart, since
 * a pooler greets its clients with a number of its own.
 */
export const NamedEntries = {
  /** Whether a connection is known to lead to one process, and has lost no name. */
  mayName(client: pg.PoolClient): boolean {
    return direct.has(client);
  },

  /** Under which name to send a statement, '' for none, and whether the server has it already. */
  claim(client: pg.PoolClient, name: string): { name: string; isThere: boolean } {
    const names = direct.get(client);
    if (!names || name === '') return { name: '', isThere: false };
    const isThere = names.has(name);
    names.add(name);
    return { name, isThere };
  },

  /** Takes note of the process that answered. */
  answeredBy(client: pg.PoolClient, pid: number): void {
    if (direct.has(client) || indirect.has(client)) return;
    if ((client as unknown as { processID: unknown }).processID === pid) direct.set(client, new Set());
    else indirect.add(client);
  },

  /** Whether a statement sent under a name failed for that alone; the connection sends none under a name any more. */
  giveUp(client: pg.PoolClient, error: Error): boolean {
    if (!NAME_ERRORS.has((error as { code?: string }).code ?? '')) return false;
    direct.delete(client);
    indirect.add(client);
    return true;
  },
};
