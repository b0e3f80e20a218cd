import { types } from 'node:util';
import { driverMessage } from '../database/driver-message.js';
import { unavailabilityOf } from '../database/unavailable.js';
import { StartupError, TriptychError } from '../errors.js';

/** How the process ends. */
export const STATUS = {
  done: 0,
  /** Refused, or it failed. */
  failed: 1,
  /** The command line is not understood. */
  usage: 2,
  notFound: 3,
  /** Of the service, of the database or of a file. */
  notAllowed: 4,
  /** The service or the database is not there, or cannot serve now. */
  unavailable: 5,
  /** By SIGINT, as a shell would say of a process that it ended. */
  interrupted: 130,
  /** By SIGTERM. */
  terminated: 143,
} as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

/** A command line that is not understood. */
export class UsageError extends Error {}

/** A command that is not carried out; its message is all that a person needs. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: Status = STATUS.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Failure {
  readonly status: Status;
  /** For a person: what went wrong and what to do; of a defect, where in the code. */
  readonly message: string;
}

/** SQLSTATEs of a login that is not let in, and of one that may not do it. */
const NOT_ALLOWED = /^(28|42501)/;
const OF_FILES: Readonly<Record<string, Status>> = {
  ENOENT: STATUS.failed,
  EISDIR: STATUS.failed,
  ENOTDIR: STATUS.failed,
  ENOSPC: STATUS.failed,
  EROFS: STATUS.notAllowed,
  EACCES: STATUS.notAllowed,
  EPERM: STATUS.notAllowed,
};

/** What an error means to whoever ran the command. Never with the parameters of a statement, which may be secret. */
export function failureOf(error: unknown): Failure {
  // Not `instanceof`: an error of Node.js itself may be of another realm, as under Jest.
  if (!types.isNativeError(error)) return { status: STATUS.failed, message: String(error) };
  const { message } = error;
  if (error instanceof UsageError) return { status: STATUS.usage, message };
  if (error instanceof Refusal) return { status: error.status, message };
  if (error instanceof StartupError) return { status: ofDriver(error) ?? STATUS.failed, message };
  if (error instanceof TriptychError) return { status: ofDriver(error) ?? statusOf(error.status), message };
  // Not `path`: a write to a disk that is full, and a read of a folder, name none.
  const { code, syscall } = error as NodeJS.ErrnoException;
  const ofFile = syscall === undefined ? undefined : OF_FILES[code ?? ''];
  if (ofFile !== undefined) return { status: ofFile, message: `${message}.` };
  const status = ofDriver(error);
  if (status !== undefined)
    return { status, message: `The database did not do it: ${driverMessage(error)}.` };
  return { status: STATUS.failed, message: error.stack ?? message };
}

/** The status of a command, of that of an HTTP answer. */
export function statusOf(httpStatus: number): Status {
  if (httpStatus === 401 || httpStatus === 403) return STATUS.notAllowed;
  if (httpStatus === 404 || httpStatus === 410) return STATUS.notFound;
  if (httpStatus >= 502 && httpStatus <= 504) return STATUS.unavailable;
  return STATUS.failed;
}

/** Of what the driver said, as it is or behind one of our errors. */
function ofDriver(error: unknown): Status | undefined {
  if (unavailabilityOf(error) !== undefined) return STATUS.unavailable;
  for (let at = error; types.isNativeError(at); at = at.cause) {
    const { code, driverError } = at as { code?: unknown; driverError?: { code?: unknown } };
    const sqlState = typeof code === 'string' ? code : driverError?.code;
    if (typeof sqlState === 'string' && NOT_ALLOWED.test(sqlState)) return STATUS.notAllowed;
  }
  return undefined;
}

/** Runs `work`, and takes an error of this class for a refusal of which the message is all that a person needs. */
export async function expecting<T>(
  Expected: abstract new (...values: never[]) => Error,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Expected ? new Refusal(error.message, STATUS.failed, { cause: error }) : error;
  }
}
