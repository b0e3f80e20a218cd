import { ConsoleLogger, type LoggerService, type LogLevel } from '@nestjs/common';
import { pino } from 'pino';
import type { TriptychOptions } from './config/options.js';
import { StartupError } from './errors.js';

const NEST_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];
const PINO_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/** `LOG_FORMAT=json`: one line of JSON an event, by pino. `pretty`: Nest's own console, for a person. */
export function createLogger({ level, format }: TriptychOptions['log']): LoggerService {
  if (format === 'json') return new JsonLogger(level);
  const shown = level === 'silent' ? [] : NEST_LEVELS.slice(0, PINO_LEVELS.indexOf(level) + 1);
  return new ConsoleLogger({ logLevels: shown });
}

/** Nest's logger interface on pino: an object becomes the members of the line, a text its `msg`. */
class JsonLogger implements LoggerService {
  readonly #pino;

  constructor(level: string) {
    // Errors are logged by their stack alone: a driver's error carries the parameters of its statement.
    this.#pino = pino({
      level,
      base: { service: 'triptych' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    });
  }

  log(message: unknown, ...context: unknown[]): void {
    this.#write('info', message, context);
  }

  error(message: unknown, ...context: unknown[]): void {
    this.#write('error', message, context);
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.#write('warn', message, context);
  }

  debug(message: unknown, ...context: unknown[]): void {
    this.#write('debug', message, context);
  }

  verbose(message: unknown, ...context: unknown[]): void {
    this.#write('trace', message, context);
  }

  fatal(message: unknown, ...context: unknown[]): void {
    this.#write('fatal', message, context);
  }

  #write(level: (typeof PINO_LEVELS)[number], message: unknown, context: unknown[]): void {
    const name = context.at(-1);
    const stack = context.length > 1 ? context[0] : undefined;
    const members = {
      ...(typeof name === 'string' && { context: name }),
      ...(typeof stack === 'string' && { stack }),
    };
    // A refusal to start is for whoever starts it; where in the code it was decided does not matter to them.
    if (message instanceof StartupError) this.#pino[level](members, message.message);
    else if (message instanceof Error)
      this.#pino[level]({ ...members, stack: message.stack }, message.message);
    else if (typeof message === 'object' && message !== null) this.#pino[level]({ ...members, ...message });
    else this.#pino[level](members, String(message));
  }
}
