/** A shorter word has too many neighbours that are words. */
const MIN_LENGTH = 4;
/** A longer one would have more than 3,500 variants. */
const MAX_LENGTH = 64;

/** Alphabets, each of code points in one run, with which a word is misspelt when it holds one of their letters. */
const ALPHABETS = ['az', 'ая', 'αω', 'աֆ', 'את', 'ءي', 'აჰ'].map(([first, last]) => lettersFrom(first, last));

/** Letters with a mark that Unicode does not take apart. */
const WITH_STROKE = { ø: 'o', ł: 'l', đ: 'd', ı: 'i' };

/** For each small Latin letter those with a mark, which a keyboard may not have. */
const MARKED = markedLetters();

/** Whether a word may be a misspelling: of letters alone, as many as a word has whose neighbours mean something. */
export function isCorrectable(word: string): boolean {
  const { length } = Array.from(word);
  return length >= MIN_LENGTH && length <= MAX_LENGTH && /^\p{L}+$/u.test(word);
}

/**
 * All that one slip makes of a word: a letter too many, two neighbours swapped, a letter replaced or left out
 * (Damerau, A Technique for Computer Detection and Correction of Spelling Errors, 1964; four in five misspellings
 * are one of these). The letters are those of the word's alphabet and its own; a Latin letter may also have lost
 * its mark. 53 n + 25 variants at most for n letters from a to z; each once, and never the word itself.
 */
export function nearWords(word: string): string[] {
  const letters = Array.from(word);
  const alphabet = alphabetOf(letters);
  const near = new Set<string>();
  for (let at = 0; at <= letters.length; at++) {
    const before = letters.slice(0, at).join('');
    const [letter, next] = letters.slice(at, at + 2);
    const after = letters.slice(at + 1).join('');
    for (const added of alphabet) near.add(before + added + (letter ?? '') + after);
    if (letter === undefined) continue;
    near.add(before + after);
    for (const other of [...alphabet, ...(MARKED.get(letter) ?? [])]) near.add(before + other + after);
    if (next !== undefined) near.add(before + next + letter + letters.slice(at + 2).join(''));
  }
  near.delete(word);
  return [...near];
}

function alphabetOf(letters: readonly string[]): Set<string> {
  const ofScripts = ALPHABETS.filter((alphabet) => letters.some((letter) => alphabet.includes(letter)));
  return new Set([...ofScripts.flat(), ...letters]);
}

function lettersFrom(first = '', last = ''): string[] {
  const [from, to] = [first.charCodeAt(0), last.charCodeAt(0)];
  const letters = Array.from({ length: to - from + 1 }, (_, at) => String.fromCharCode(from + at));
  return letters.filter((letter) => /\p{L}/u.test(letter));
}

function markedLetters(): Map<string, string[]> {
  const small = lettersFrom('à', 'ž').filter((letter) => letter === letter.toLowerCase());
  const composed = small.map((letter) => [letter, letter.normalize('NFD').charAt(0)] as const);
  const marked = new Map<string, string[]>();
  for (const [letter, base] of [...composed, ...Object.entries(WITH_STROKE)])
    if (/[a-z]/.test(base)) marked.set(base, [...(marked.get(base) ?? []), letter]);
  return marked;
}
