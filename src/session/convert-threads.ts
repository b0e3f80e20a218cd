import { InvalidInputError, StartupError } from '../errors.js';
import { problemOf, type OperatorRoom, type Problem } from './operator-room.js';
import { StockThreads } from './stock-threads.js';
import { ThreadConverter } from './thread-converter.js';

/** Checkpoints between two lines on a long thread. */
const REPORT_EVERY = 1_000;

export interface ConvertRequest {
  /** None: every thread of the source. */
  readonly threadIds: readonly string[];
  readonly fromSchema: string;
  /** Of another database; absent: of the same. */
  readonly fromUrl?: string | undefined;
  readonly dryRun: boolean;
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

/**
 * Takes over threads that LangGraph's own saver wrote, each whole or not at all; one that fails is told, and the
 * others go on.
 * @throws InvalidInputError, StartupError when the source cannot be read
 */
export async function convertThreads(room: OperatorRoom, request: ConvertRequest): Promise<ConvertAnswer> {
  const { threadIds, dryRun } = request;
  const { tell } = room;
  const source = await openSource(room, request);
  try {
    const converter = new ThreadConverter({ ...room, source });
    const answer = { threads: 0, converted: 0, skipped: 0, failed: 0, checkpoints: 0, messages: 0, dryRun };
    const problems: Problem[] = [];
    const named = threadIds.length > 0;
    for await (const threadId of named ? threadIds : source.threadIds()) {
      answer.threads += 1;
      const name = JSON.stringify(threadId);
      const progress = (done: number, of: number): void => {
        if (done % REPORT_EVERY === 0 && done < of) tell(`${name}: ${done} of ${of} checkpoints`);
      };
      try {
        const { outcome, checkpoints, messages } = await converter.convert(threadId, { dryRun, progress });
        if (outcome === 'present' && named) throw new Error('The tenant has this thread already.');
        if (outcome === 'present') answer.skipped += 1;
        else answer.converted += 1;
        answer.checkpoints += checkpoints;
        answer.messages += messages;
        tell(
          outcome === 'present'
            ? `${name}: skipped, the tenant has it already`
            : `${name}: ${checkpoints} checkpoints, ${messages} messages`,
        );
      } catch (error) {
        answer.failed += 1;
        problems.push(problemOf(room, threadId, error));
      }
    }
    return { ...answer, problems };
  } finally {
    await source.close();
  }
}

function openSource(
  { options, database }: OperatorRoom,
  { fromUrl, fromSchema }: ConvertRequest,
): Promise<StockThreads> {
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
