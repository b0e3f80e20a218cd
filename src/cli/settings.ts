import type { TriptychOptions } from '../config/options.js';
import type { Terminal } from './terminal.js';

/**
 * The settings of a command that works on the database. What such work logs, as audit lines, goes to standard error
 * from now on.
 * @throws StartupError that lists every problem at once
 */
export async function settingsOf({ surroundings, tell, warn }: Terminal): Promise<TriptychOptions> {
  const { Logger } = await import('@nestjs/common');
  const { loadOptions } = await import('../config/load-options.js');
  await import('reflect-metadata');
  const by =
    (say: (line: string) => void) =>
    (message: unknown): void => {
      say(JSON.stringify(message));
    };
  // What went wrong is said however quiet a command is to be.
  Logger.overrideLogger({ log: by(tell), warn: by(warn), error: by(warn), fatal: by(warn) });
  return loadOptions(surroundings.environment);
}

/** Says every so many that something is done; not at the end, which the answer tells. */
export function reporter(
  { progress }: Terminal,
  every: number,
  unit: string,
): (done: number, of?: number) => void {
  let next = every;
  return (done, of) => {
    if (done < next || done === of) return;
    next = done - (done % every) + every;
    progress(of === undefined ? `${done} ${unit}` : `${done} of ${of} ${unit}`);
  };
}
