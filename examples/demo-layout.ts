/** Cells of a whole bar. */
export const BAR = 28;

export const number = (value: number): string => value.toLocaleString('en-US');
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`;

/** At least one cell for anything at all, and never a full bar for less than the whole. */
export function cells(used: number, cap: number): number {
  if (used <= 0 || cap <= 0) return 0;
  if (used >= cap) return BAR;
  return Math.min(BAR - 1, Math.max(1, Math.round((BAR * used) / cap)));
}

export function ratio(used: number, cap: number): string {
  return `${number(used).padStart(6)} of ${number(cap).padStart(6)}`;
}

export function clip(content: string, width: number): string {
  const line = content.replaceAll(/\s+/g, ' ');
  return line.length <= width
    ? line
    : `${line
        .slice(0, width - 1)
        .toWellFormed()
        .trimEnd()}…`;
}

export function wrap(paragraph: string, width: number): string[] {
  const lines = [''];
  for (const word of paragraph.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
