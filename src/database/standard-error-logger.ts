import { AbstractLogger, type LogLevel, type LogMessage } from 'typeorm';

/** Says what TypeORM has to say, such as which migration failed, where it is in the way of no answer and of no log line. */
export class StandardErrorLogger extends AbstractLogger {
  protected override writeLog(
    _level: LogLevel,
    said: LogMessage | string | number | (LogMessage | string | number)[],
  ): void {
    for (const { message } of this.prepareLogMessages(said)) process.stderr.write(`${String(message)}\n`);
  }
}
