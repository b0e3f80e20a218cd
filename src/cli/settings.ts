import type { TriptychOptions } from '../config/options.js';
import type { Terminal } from './terminal.js';

/**
 * The settings of a command that works on the database. What such work logs, as audit lines, goes to standard error
 * from now on.
 * @throws StartupError that lists every problem at once
 */
export async function settingsOf({ surroundings, tell }: Terminal): Promise<TriptychOptions> {
  const { Logger } = await import('@nestjs/common');
  const { loadOptions } = await import('../config/load-options.js');
  await import('reflect-metadata');
  const write = (message: unknown): void => {
    tell(JSON.stringify(message));
  };
  Logger.overrideLogger({ log: write, warn: write, error: write });
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
