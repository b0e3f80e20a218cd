import type { RunnableConfig } from '@langchain/core/runnables';
import { SessionBusyError, SessionConflictError } from '../errors.js';
import { checkpointIdOf, isRun } from './checkpoint-config.js';

/** Checkpoints that are remembered of each kind; what is forgotten is looked up in the database. */
const REMEMBERED = 10_000;

/** The run lost its thread to somebody else, whatever its other tasks do. */
export type RunRefusal = SessionConflictError | SessionBusyError;

export function isRunRefusal(error: unknown): error is RunRefusal {
  return error instanceof SessionConflictError || error instanceof SessionBusyError;
}

/** What a task wrote for a checkpoint. */
export interface TaskWrite {
  readonly checkpointId: string;
  readonly taskId: string;
}

/** What one run of a graph has done so far; a subgraph's run is one of its own. */
export interface GraphRun {
  /** The session in which it reads and writes, as soon as there is one. */
  sessionId: string | undefined;
  /** Why a checkpoint of it was refused, if one was: nothing more of it is taken. */
  refusal: RunRefusal | undefined;
  /** The checkpoints that it has put. */
  readonly put: Set<string>;
  /** What its tasks wrote. */
  readonly written: TaskWrite[];
}

/** What the tasks of a run wrote for checkpoints that it has not put: once it is refused, of no use to anybody. */
export function looseWrites({ written, put }: GraphRun): TaskWrite[] {
  return written.filter(({ checkpointId }) => !put.has(checkpointId));
}

/**
 * What this process knows of checkpoints beyond what their tables say: of which session each is, of which run,
 * and which ones somebody asked for by name in order to go on from there.
 */
export class CheckpointLineage {
  readonly #sessions = new Map<string, string>();
  readonly #requested = new Map<string, true>();
  /** LangGraph makes the metadata of a run's configuration anew for each run, and hands it on as it is. */
  readonly #runs = new WeakMap<object, GraphRun>();

  /** The run that a configuration is of; undefined when the saver is called by hand. */
  runOf({ metadata }: RunnableConfig): GraphRun | undefined {
    if (metadata === undefined) return undefined;
    let run = this.#runs.get(metadata);
    if (!run) {
      run = { sessionId: undefined, refusal: undefined, put: new Set(), written: [] };
      this.#runs.set(metadata, run);
    }
    return run;
  }

  /** A checkpoint was read or written as one of a session. */
  belongs(checkpointId: string, sessionId: string): void {
    remember(this.#sessions, checkpointId, sessionId);
  }

  /** The session of a checkpoint, if this process has seen it. */
  sessionOf(checkpointId: string): string | undefined {
    return this.#sessions.get(checkpointId);
  }

  /** Somebody reads the checkpoint that `config` names. */
  requested(config: RunnableConfig): void {
    const id = checkpointIdOf(config);
    if (id !== undefined && !isRun(config)) remember(this.#requested, id, true);
  }

  /**
   * Whether a write that goes on from another checkpoint than the newest means to: time travel, not a lost
   * race. LangGraph notes in `metadata` what its caller put into `configurable`; `updateState` does not, but
   * has read the checkpoint by its name just before.
   */
  isFork(config: RunnableConfig): boolean {
    if (isRun(config)) return config.metadata?.['checkpoint_id'] !== undefined;
    const id = checkpointIdOf(config);
    return id !== undefined && this.#requested.has(id);
  }
}

/** The oldest goes when there are too many. */
function remember<T>(known: Map<string, T>, key: string, value: T): void {
  known.delete(key);
  known.set(key, value);
  if (known.size > REMEMBERED) known.delete(known.keys().next().value as string);
}
