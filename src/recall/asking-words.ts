/**
 * English words of asking rather than of what is asked for: they count this much. Without the list 0.5 and 1.7 points
 * less are found (R@10, LoCoMo and BEAM); at 0 or 0.5 within 0.7 of that.
 */
export const ASKING_WEIGHT = 0.3;

/**
 * The words, for the parser of the index to make lexemes of, whose other forms count as they do. They mean something
 * else in other languages (a German "Brief" is a letter): use them under English alone.
 */
export const ASKING_WORDS = [
  'tell show give list name explain describe provide help know want need like think',
  'suggest recommend walk clarify compare say said talk discuss ask',
  'summary overview question answer thing way kind sort type order detail example conversation discussion',
  'many much ever often exactly approximately clear complete full brief different various',
  'several total overall specific particular',
  'please make use get go take try consider based include',
].join(' ');
