import { InvalidArgumentError, type Command } from 'commander';
import { SCOPES, type Scope } from '../tenancy/authenticator.js';
import type { TenantLanguage, TenantRegistry } from '../tenancy/tenant-registry.js';
import { durationOf } from './duration.js';
import { wholeNumber, type CommandLine } from './command-line.js';
import { expecting } from './failure.js';
import { reporter, settingsOf } from './settings.js';
import type { Terminal } from './terminal.js';

/** Memories between two lines on a large index. */
const REPORT_EVERY = 1_000;
/** Stands for the setting `TEXT_SEARCH`. */
const DEFAULT = 'default';
const ON_THE_DATABASE = `
Durations are such as 10s, 30m, 24h or 90d. It works on DATABASE_URL as the owner of the schema or, without one, on the
embedded engine in DATA_DIR, which no service may be using at the time.

Examples:
  $ triptych tenant create acme --name 'Acme Inc' --rate-limit 50
  $ triptych tenant create-key acme --scopes read,write --expires 90d
  $ triptych tenant rotate acme.piK0UZtHZc7d --overlap 24h
  $ triptych tenant language acme german
  $ triptych tenant erase acme`;

/** Tenants, their API keys and their language, on the database. */
export function tenantCommand(line: CommandLine): Command {
  const tenant = line.command('tenant').description('tenants, their API keys, their language, and their end');
  const of = (name: string): Command => {
    const command = line.command(name).addHelpText('after', ON_THE_DATABASE);
    tenant.addCommand(command);
    return command;
  };
  tenant.addHelpText('after', ON_THE_DATABASE);
  of('create')
    .description('registers a tenant')
    .argument('<tenantId>')
    .option('--name <text>', 'what people call it', text)
    .option('--rate-limit <n>', 'requests per second; 0: no limit', wholeNumber(0, 1_000_000))
    .option('--daily-quota <n>', 'requests per day (UTC); 0: no limit', wholeNumber(0, 2_000_000_000))
    .action(
      line.action(async (terminal, tenantId: string, options: Partial<Limits>) => {
        const { name = null, rateLimit = null, dailyQuota = null } = options;
        return answered(terminal, (registry) => registry.create({ tenantId, name, rateLimit, dailyQuota }));
      }),
    );
  of('list')
    .description('all tenants')
    .action(line.action((terminal) => answered(terminal, (registry) => registry.list())));
  of('create-key')
    .description('makes an API key and shows it, once')
    .argument('<tenantId>')
    .option('--scopes <list>', `of ${SCOPES.join(', ')}; read,write when left out`, scopes)
    .option('--expires <duration>', 'never when left out', durationOf)
    .option('--label <text>', 'what it is for', text)
    .action(
      line.action((terminal, tenantId: string, options: KeyOptions) => {
        const { scopes, label, expires: expiresIn } = options;
        return answered(terminal, (registry) => registry.createKey(tenantId, { scopes, label, expiresIn }));
      }),
    );
  of('keys')
    .description('the keys of a tenant, without their secrets')
    .argument('<tenantId>')
    .action(
      line.action((terminal, tenantId: string) => answered(terminal, (registry) => registry.keys(tenantId))),
    );
  of('rotate')
    .description(
      'makes the successor of a key and shows it, once; the old one works until the overlap is over',
    )
    .argument('<keyId>')
    .option('--overlap <duration>', '24h when left out', durationOf, durationOf('24h'))
    .option('--expires <duration>', 'as long as the old one was given when left out', durationOf)
    .action(
      line.action((terminal, keyId: string, options: KeyOptions & { overlap: number }) => {
        const { overlap, expires: expiresIn } = options;
        return answered(terminal, (registry) => registry.rotate(keyId, { overlap, expiresIn }));
      }),
    );
  of('revoke')
    .description('ends a key, in every process within 5 seconds')
    .argument('<keyId>')
    .action(
      line.action((terminal, keyId: string) => answered(terminal, (registry) => registry.revoke(keyId))),
    );
  of('language')
    .description(
      'shows the text search configuration of a tenant, or gives it one of its own and writes its index anew',
    )
    .argument('<tenantId>')
    .argument('[configuration]', `«${DEFAULT}» is TEXT_SEARCH`)
    .action(
      line.action((terminal, tenantId: string, configuration: string | undefined) =>
        answered(terminal, (registry) =>
          configuration === undefined
            ? shownLanguage(terminal, registry, tenantId)
            : rewrittenLanguage(terminal, registry, tenantId, configuration),
        ),
      ),
    );
  of('erase')
    .description('removes every row of a tenant from every table, for good')
    .argument('<tenantId>')
    .option('--yes', 'without asking for the id again')
    .action(
      line.action(async (terminal, tenantId: string, options: { yes?: boolean }) => {
        const { NothingErasedError } = await import('../tenancy/erase-tenant.js');
        return expecting(NothingErasedError, () =>
          answered(terminal, (registry) => erased(terminal, registry, tenantId, options)),
        );
      }),
    );
  return tenant;
}

interface Limits {
  readonly name: string;
  readonly rateLimit: number;
  readonly dailyQuota: number;
}

interface KeyOptions {
  readonly scopes?: Scope[];
  readonly label?: string;
  /** Seconds. */
  readonly expires?: number;
}

/** Prints what the registry answers; a key that is shown once, with a word of warning beside it. */
async function answered(
  terminal: Terminal,
  work: (registry: TenantRegistry) => Promise<object>,
): Promise<undefined> {
  const options = await settingsOf(terminal);
  const { withOwner } = await import('../database/owner-database.js');
  const { LexicalIndex } = await import('../recall/lexical-index.js');
  const { TenantRegistry } = await import('../tenancy/tenant-registry.js');
  const answer = await withOwner(options, (owner) =>
    work(new TenantRegistry(owner, new LexicalIndex(options.recall.textSearch))),
  );
  terminal.answer(answer);
  if ('key' in answer) terminal.warn('Keep this key now: it is not stored and cannot be shown again.');
}

async function shownLanguage(
  { warn }: Terminal,
  registry: TenantRegistry,
  tenantId: string,
): Promise<TenantLanguage> {
  const language = await registry.language(tenantId);
  if (!language.isOwn && language.textSearch !== language.default)
    warn(
      `The index is written with ${language.textSearch}, and TEXT_SEARCH is ${language.default}: ` +
        `language ${tenantId} ${DEFAULT} writes it anew.`,
    );
  return language;
}

function rewrittenLanguage(
  terminal: Terminal,
  registry: TenantRegistry,
  tenantId: string,
  configuration: string,
): Promise<TenantLanguage> {
  const progress = reporter(terminal, REPORT_EVERY, 'memories');
  return registry.setLanguage(tenantId, configuration === DEFAULT ? null : configuration, progress);
}

/** How many rows each table had; `total` of them were erased and `residue` are left. */
async function erased(
  terminal: Terminal,
  registry: TenantRegistry,
  tenantId: string,
  { yes = false }: { yes?: boolean },
): Promise<Record<string, number>> {
  const rows = total(await registry.holdings(tenantId));
  if (rows === 0) terminal.warn(`There is nothing of ${tenantId} in this database.`);
  else if (!yes) await terminal.confirm(`This erases ${rows} rows of ${tenantId}, for good.`, tenantId);
  const tables = await registry.erase(tenantId);
  const residue = total(await registry.holdings(tenantId));
  if (residue > 0)
    terminal.warn(
      `Something has written ${residue} new rows for ${tenantId} since. Stop it, and erase again.`,
    );
  return {
    ...Object.fromEntries(tables.map(({ table, rows }) => [table, rows])),
    total: total(tables),
    residue,
  };
}

function total(tables: readonly { readonly rows: number }[]): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}

function text(value: string): string {
  if (!/^[^\p{C}]{1,256}$/u.test(value))
    throw new InvalidArgumentError('It must be 1 to 256 characters, none of them a control character.');
  return value;
}

function scopes(value: string): Scope[] {
  const words = [...new Set(value.split(',').map((word) => word.trim()))];
  if (words.some((word) => !(SCOPES as readonly string[]).includes(word)))
    throw new InvalidArgumentError(`It must be of ${SCOPES.join(', ')}.`);
  return words as Scope[];
}
