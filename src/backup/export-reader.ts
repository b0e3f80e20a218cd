import { createHash } from 'node:crypto';
import {
  DamagedFileError,
  FORMAT,
  LONGEST_HEADER,
  LONGEST_LINE,
  parseHeader,
  parseRow,
  type ExportedTable,
  type ExportFooter,
  type ExportHeader,
  type Row,
  type TableFooter,
} from './export-format.js';
import { linesOf } from './lines.js';

/** A batch ends with the row that fills it, so it has at most this and one row more. */
const BATCH_ROWS = 1_000;
const BATCH_BYTES = 4 << 20;
const ROW = '['.charCodeAt(0);
const LINE_FEED = Buffer.from('\n');

export interface Batch {
  readonly table: ExportedTable;
  readonly rows: readonly Row[];
}

/**
 * Reads an export once, from beginning to end, and finds out whether it is whole. A batch is handed out before
 * its table's hash has been reached, so nothing may be final before {@link batches} has ended.
 */
export class ExportReader {
  readonly #lines: AsyncGenerator<Buffer>;
  readonly #whole = createHash('sha256');
  #number = 1;
  #footer: ExportFooter | undefined;

  private constructor(
    readonly header: ExportHeader,
    first: Buffer,
    lines: AsyncGenerator<Buffer>,
  ) {
    this.#lines = lines;
    this.#whole.update(first).update(LINE_FEED);
  }

  /** @throws BackupRefusedError when it does not begin as an export does */
  static async open(chunks: AsyncIterable<Buffer>): Promise<ExportReader> {
    const lines = linesOf(chunks, (number) => (number === 1 ? LONGEST_HEADER : LONGEST_LINE));
    try {
      const first = await lines.next();
      if (first.done) throw new DamagedFileError('it is empty');
      return new ExportReader(parseHeader(first.value.toString()), first.value, lines);
    } catch (error) {
      await lines.return(undefined);
      throw error;
    }
  }

  /** The last line, once all batches were read. */
  get footer(): ExportFooter {
    if (!this.#footer) throw new Error('The file has not been read to its end.');
    return this.#footer;
  }

  /** Closes what is read from. */
  async close(): Promise<void> {
    await this.#lines.return(undefined);
  }

  /** @throws DamagedFileError; the error of the stream */
  async *batches(): AsyncGenerator<Batch> {
    let total = 0;
    for (const table of this.header.tables) total += yield* this.#table(table);
    this.#footer = { end: FORMAT, rows: total, sha256: this.#whole.copy().digest('hex') };
    const last = await this.#next('its last line is missing');
    if (!isSame(last, this.#footer)) throw this.#damaged('does not agree with the lines before it');
    if (!(await this.#lines.next()).done) throw new DamagedFileError('something follows its last line');
  }

  /** Answers how many rows the table has. */
  async *#table(table: ExportedTable): AsyncGenerator<Batch, number> {
    const hash = createHash('sha256');
    let count = 0;
    let rows: Row[] = [];
    let bytes = 0;
    for (;;) {
      const line = await this.#next(`it ends within ${table.name}`);
      this.#whole.update(line).update(LINE_FEED);
      if (line[0] !== ROW) {
        if (rows.length > 0) yield { table, rows };
        const footer: TableFooter = { table: table.name, rows: count, sha256: hash.digest('hex') };
        if (!isSame(line, footer)) throw this.#damaged(`does not agree with the rows of ${table.name}`);
        return count;
      }
      hash.update(line).update(LINE_FEED);
      const row = parseRow(line.toString(), table.columns.length);
      if (!row) throw this.#damaged(`is no row of ${table.name}`);
      rows.push(row);
      count += 1;
      bytes += line.length;
      if (rows.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
      yield { table, rows };
      rows = [];
      bytes = 0;
    }
  }

  async #next(missing: string): Promise<Buffer> {
    const next = await this.#lines.next();
    if (next.done) throw new DamagedFileError(missing);
    this.#number += 1;
    return next.value;
  }

  #damaged(what: string): DamagedFileError {
    return new DamagedFileError(`line ${this.#number} ${what}`);
  }
}

function isSame(line: Buffer, expected: TableFooter | ExportFooter): boolean {
  return line.equals(Buffer.from(JSON.stringify(expected)));
}
