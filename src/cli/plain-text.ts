const NARROWEST = 10;

/** An object for a person, one member a line; of a list, with empty lines between. */
export function plainText(answer: object): string {
  if (Array.isArray(answer)) return answer.map((item: object) => plainText(item)).join('\n\n') || 'None.';
  const width = Math.max(NARROWEST, ...Object.keys(answer).map(({ length }) => length)) + 2;
  return Object.entries(answer)
    .map(([name, value]) => `${name.padEnd(width)}${shown(value)}`)
    .join('\n');
}

/** Rows as columns, the first row their names; columns of numbers stand to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const columns = (rows[0] ?? []).map((_, column) => ({
    width: Math.max(...rows.map((row) => String(row[column] ?? '').length)),
    isNumber: rows.slice(1).every((row) => typeof row[column] === 'number'),
  }));
  const line = (row: readonly (string | number)[]): string =>
    columns
      .map(({ width, isNumber }, column) => {
        const text = String(row[column] ?? '');
        return isNumber ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

/** One line of a text, of at most so many UTF-16 units. */
export function oneLine(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1).toWellFormed()}…`;
}

/** Control characters but the ends of lines and tabs, and what turns the direction of writing until it is turned back. */
const INVISIBLE = /(?!\n|\r\n|\t)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A text in which nothing moves the cursor, colours what follows, or speaks to the terminal in any other way: anybody may
 * have written it. What would, becomes `\u{…}`.
 */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}
