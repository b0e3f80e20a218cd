import { ConsoleLogger, type ConsoleLoggerOptions, type LoggerService, type LogLevel } from '@nestjs/common';
import { pino } from 'pino';
import type { TriptychOptions } from './config/options.js';
import { StartupError } from './errors.js';
import { correlation } from './telemetry/correlation.js';

const NEST_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'];
const PINO_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/**
 * `LOG_FORMAT=json`: one line of JSON an event, by pino. `pretty`: Nest's own console, for a person.
 * @param toStandardError where standard output is for answers alone
 */
export function createLogger(
  { level, format }: TriptychOptions['log'],
  { toStandardError = false }: { toStandardError?: boolean } = {},
): LoggerService {
  if (format === 'json') return new JsonLogger(level, toStandardError ? 2 : 1);
  const shown = level === 'silent' ? [] : NEST_LEVELS.slice(0, PINO_LEVELS.indexOf(level) + 1);
  return new CorrelatedConsole({ logLevels: shown }, toStandardError);
}

/** Nest's own console, which says behind the name of the context to which request and trace a line belongs. */
class CorrelatedConsole extends ConsoleLogger {
  constructor(
    options: ConsoleLoggerOptions,
    private readonly toStandardError: boolean,
  ) {
    super(options);
  }

  protected override printMessages(
    ...[messages, context, level, stream, ...more]: Parameters<ConsoleLogger['printMessages']>
  ): void {
    super.printMessages(messages, context, level, this.toStandardError ? 'stderr' : stream, ...more);
  }

  protected override formatContext(name: string): string {
    const { requestId, traceId } = correlation();
    const found = [requestId, traceId].filter((id) => id !== undefined).join(' ');
    return super.formatContext(name) + (found === '' ? '' : `(${found}) `);
  }
}

/** Nest's logger interface on pino: an object becomes the members of the line, a text its `msg`. */
class JsonLogger implements LoggerService {
  readonly #pino;

  /** @param file 1: standard output, 2: standard error */
  constructor(level: string, file: 1 | 2) {
    // Errors are logged by their stack alone: a driver's error carries the parameters of its statement.
    this.#pino = pino(
      {
        level,
        base: { service: 'triptych' },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      pino.destination(file),
    );
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
    if (!this.#pino.isLevelEnabled(level)) return;
    const name = context.at(-1);
    const stack = context.length > 1 ? context[0] : undefined;
    const members = {
      ...correlation(),
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
