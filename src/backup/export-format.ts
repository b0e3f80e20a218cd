import { isTenantId } from '../tenancy/tenant-context.js';

export const FORMAT = 'triptych-export';
/** Raised when a file can no longer be read by what read the version before. */
export const FORMAT_VERSION = 1;
/** Bytes of the first line. */
export const LONGEST_HEADER = 1 << 20;
/** Bytes of any other line, which is one row: a text of V8 ends at 512 MiB, and a row is one for a moment. */
export const LONGEST_LINE = 256 << 20;

/** A table of a file: its rows are lists of texts, one for each column in this order. */
export interface ExportedTable {
  readonly name: string;
  readonly columns: readonly string[];
}

/** The first line of a file. */
export interface ExportHeader {
  readonly format: typeof FORMAT;
  readonly formatVersion: number;
  readonly tenantId: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly productVersion: string;
  /** Names of those that the schema had, oldest first. */
  readonly migrations: readonly string[];
  /** Those that others refer to come first. */
  readonly tables: readonly ExportedTable[];
}

/** The line after the last row of a table. `sha256` is of its rows, line feeds included. */
export interface TableFooter {
  readonly table: string;
  readonly rows: number;
  readonly sha256: string;
}

/** The last line. `sha256` is of all lines before it, line feeds included: `head -n -1 <file> | sha256sum`. */
export interface ExportFooter {
  readonly end: typeof FORMAT;
  readonly rows: number;
  readonly sha256: string;
}

/** The SQL text of each value of a row. `null` is NULL. */
export type Row = readonly (string | null)[];

/** An export or import was asked for and did not happen. The message says why, and what to do. */
export class BackupRefusedError extends Error {}

/** A file that is no whole export. */
export class DamagedFileError extends BackupRefusedError {
  constructor(what: string) {
    super(`The file is damaged: ${what}. Nothing was written. Copy it again, or make a new export.`);
  }
}

/**
 * @param line without its line feed
 * @throws BackupRefusedError when it is no header that this version reads
 */
export function parseHeader(line: string): ExportHeader {
  const header = parseObject(line);
  if (header?.['format'] !== FORMAT)
    throw new BackupRefusedError(
      'This is no export of a tenant: its first line is no header. An export that was sent to standard output ' +
        'has to be made with `npm run -s export`, and one that is compressed has to be named .gz.',
    );
  if (header['formatVersion'] !== FORMAT_VERSION)
    throw new BackupRefusedError(
      `The file has version ${JSON.stringify(header['formatVersion'])} of the format, and this version of ` +
        `Triptych reads ${FORMAT_VERSION}. Import it with the version that wrote it ` +
        `(${JSON.stringify(header['productVersion'])}), or with a later one.`,
    );
  if (!isHeader(header)) throw new DamagedFileError('line 1 is no whole header');
  return header;
}

/** An object of JSON; nothing for any other line. */
export function parseObject(line: string): Record<string, unknown> | undefined {
  const value = parse(line);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** A row of so many columns; nothing for any other line. */
export function parseRow(line: string, columns: number): Row | undefined {
  const value = parse(line);
  if (!Array.isArray(value) || value.length !== columns) return undefined;
  return value.every((item) => item === null || typeof item === 'string') ? (value as Row) : undefined;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isHeader(value: Record<string, unknown>): value is Record<string, unknown> & ExportHeader {
  const { tenantId, createdAt, productVersion, migrations, tables } = value;
  return (
    isTenantId(tenantId) &&
    typeof createdAt === 'string' &&
    typeof productVersion === 'string' &&
    isTexts(migrations) &&
    Array.isArray(tables) &&
    tables.every(isTable)
  );
}

function isTable(value: unknown): value is ExportedTable {
  if (typeof value !== 'object' || value === null) return false;
  const { name, columns } = value as Partial<Record<keyof ExportedTable, unknown>>;
  return typeof name === 'string' && isTexts(columns) && columns.length > 0;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
