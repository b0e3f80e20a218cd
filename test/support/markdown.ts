import { readdirSync, readFileSync } from 'node:fs';

/** Everything that a stranger reads, by its path from the root of the repository. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'packages/client/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The fenced blocks of one language, such as `sh`, in their order; an indented block loses its indent. */
export function fencedBlocks(document: string, language: string): string[] {
  const fences = textOf(document).matchAll(/^( *)```(\w+)\n(.*?)^\1```$/gms);
  return Array.from(fences)
    .filter(([, , named]) => named === language)
    .map(([, indent = '', , code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

/** The cells of every row of every table, heads and rules included. */
export function tableRows(document: string): string[][] {
  const lines = textOf(document).split('\n');
  return lines
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** Targets of links to other files or headings, and of pictures, without those to the web. */
export function relativeLinks(document: string): string[] {
  const prose = textOf(document).replaceAll(/^( *)```.*?^\1```$/gms, '');
  const targets = Array.from(
    prose.matchAll(/\]\(([^)]+)\)|\bsrc(?:set)?="([^"]+)"/g),
    ([, target, picture]) => target ?? picture ?? '',
  );
  return targets.filter((target) => !/^\w+:/.test(target));
}

/** The names under which the headings of a document can be linked to. */
export function anchors(document: string): string[] {
  const headings = textOf(document).matchAll(/^#+ (.+)$/gm);
  return Array.from(headings, ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

export function textOf(document: string): string {
  return readFileSync(document, 'utf8');
}
