import { runCommand } from '../config/command-line.js';
import { loadOptions } from '../config/load-options.js';
import type { TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { InvalidInputError, StartupError } from '../errors.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { Idempotency } from '../tenancy/idempotency.js';
import { currentTenant, TenantContext } from '../tenancy/tenant-context.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { TokenCounters } from '../tokens/token-counters.js';
import type { PrunedRows } from './checkpoint-pruning.js';
import {
  parseCommand,
  USAGE,
  type ConvertCommand,
  type PruneCommand,
  type SessionCommand,
} from './session-command.js';
import { Session } from './session.entity.js';
import { SessionStore } from './session-store.js';
import { StockThreads } from './stock-threads.js';
import { ThreadConverter } from './thread-converter.js';

/** Whose doing it is in the audit log: of whoever may run commands on the database. */
const OPERATOR = 'operator';
/** Checkpoints between two lines on a long thread. */
const REPORT_EVERY = 1_000;
const PAGE = 500;

/** A thread that could not be done. */
interface Problem {
  readonly threadId: string;
  readonly reason: string;
}

export interface ConvertAnswer {
  /** Threads that were looked at: those converted, skipped and failed. */
  threads: number;
  converted: number;
  /** The tenant had them already. */
  skipped: number;
  failed: number;
  checkpoints: number;
  messages: number;
  dryRun: boolean;
  problems: Problem[];
}

export interface PruneAnswer extends PrunedRows {
  threads: number;
  failed: number;
  problems: Problem[];
}

interface Room {
  readonly options: TriptychOptions;
  readonly database: Database;
  readonly tenants: TenantContext;
  readonly counter: TokenCounter;
  readonly audit: AuditLog;
}

/**
 * Runs one command of `npm run session`: its answer goes to standard output, progress and all else to standard
 * error.
 * @param environment where the settings are read, as `loadOptions` does
 * @returns the exit status
 */
export function runSessionCommand(args: string[], environment?: NodeJS.ProcessEnv): Promise<number> {
  return runCommand<SessionCommand>(args, {
    usage: USAGE,
    parse: parseCommand,
    run: (command) =>
      withDatabase(loadOptions(environment), (room) =>
        room.tenants.run(
          command.tenantId,
          (): Promise<object> => (command.name === 'convert' ? convert(room, command) : prune(room, command)),
          { actor: OPERATOR },
        ),
      ),
    // Each problem was told when it was met.
    forPeople: (answer) => Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'problems')),
    statusOf: (answer) => ('failed' in answer && answer.failed !== 0 ? 1 : 0),
  });
}

async function withDatabase<T>(options: TriptychOptions, work: (room: Room) => Promise<T>): Promise<T> {
  const database = await Database.open({ options, entities: [Session], tenantOfCaller: currentTenant });
  try {
    const tenants = new TenantContext();
    const audit = new AuditLog(database, tenants);
    const counter = new TokenCounters(options).default;
    return await work({ options, database, tenants, counter, audit });
  } finally {
    await database.close();
  }
}

async function convert(room: Room, command: ConvertCommand): Promise<ConvertAnswer> {
  const { threadIds, dryRun } = command;
  const source = await openSource(room, command);
  try {
    const converter = new ThreadConverter({ ...room, source });
    const answer = { threads: 0, converted: 0, skipped: 0, failed: 0, checkpoints: 0, messages: 0, dryRun };
    const problems: Problem[] = [];
    const named = threadIds.length > 0;
    for await (const threadId of named ? threadIds : source.threadIds()) {
      answer.threads += 1;
      const name = JSON.stringify(threadId);
      const progress = (done: number, of: number): void => {
        if (done % REPORT_EVERY === 0 && done < of) console.error(`${name}: ${done} of ${of} checkpoints`);
      };
      try {
        const { outcome, checkpoints, messages } = await converter.convert(threadId, { dryRun, progress });
        if (outcome === 'present' && named) throw new Error('The tenant has this thread already.');
        if (outcome === 'present') answer.skipped += 1;
        else answer.converted += 1;
        answer.checkpoints += checkpoints;
        answer.messages += messages;
        console.error(
          outcome === 'present'
            ? `${name}: skipped, the tenant has it already`
            : `${name}: ${checkpoints} checkpoints, ${messages} messages`,
        );
      } catch (error) {
        answer.failed += 1;
        problems.push(tell(threadId, error));
      }
    }
    return { ...answer, problems };
  } finally {
    await source.close();
  }
}

function openSource({ options, database }: Room, command: ConvertCommand): Promise<StockThreads> {
  const { fromUrl, fromSchema } = command;
  if (fromUrl !== undefined) {
    if (!/^postgres(ql)?:\/\//.test(fromUrl))
      throw new InvalidInputError([
        { field: '--from-url', message: 'must be a postgres:// connection string' },
      ]);
    return StockThreads.ofServer(fromUrl, fromSchema);
  }
  if (fromSchema === 'checkpoints' || fromSchema === 'shared')
    throw new StartupError(`The schema "${fromSchema}" of this database is Triptych's own.`);
  return options.database.url
    ? StockThreads.ofServer(options.database.url, fromSchema)
    : StockThreads.ofEmbedded(database, fromSchema);
}

async function prune(room: Room, { threadIds, keep }: PruneCommand): Promise<PruneAnswer> {
  const { database, tenants, counter, audit } = room;
  const store = new SessionStore(database, tenants, counter, audit, new Idempotency(database, tenants));
  const answer = { threads: 0, checkpoints: 0, writes: 0, blobs: 0, messages: 0, failed: 0 };
  const problems: Problem[] = [];
  for await (const threadId of threadIds.length > 0 ? threadIds : threadsOf(store)) {
    answer.threads += 1;
    try {
      const pruned = await store.prune(threadId, { keep });
      for (const kind of ['checkpoints', 'writes', 'blobs', 'messages'] as const)
        answer[kind] += pruned[kind];
    } catch (error) {
      answer.failed += 1;
      problems.push(tell(threadId, error));
    }
  }
  return { ...answer, problems };
}

async function* threadsOf(store: SessionStore): AsyncGenerator<string> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<SessionStore['listSessions']>> = await store.listSessions({
      limit: PAGE,
      ...(cursor !== null && { cursor }),
    });
    for (const { threadId } of page.sessions) yield threadId;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

function tell(threadId: string, error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(`${JSON.stringify(threadId)}: failed: ${reason}`);
  return { threadId, reason };
}
