/** English words of grammar rather than matter, and what an apostrophe leaves of contractions ("don't": don, t). */
const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  [
    'a an the this that these those',
    'and or but if so nor than then as',
    'of to in on at by for with from into about',
    'i me my mine you your yours he him his she her hers it its we us our ours they them their theirs',
    'am is are was were be been being do does did done have has had having',
    'can could will would shall should may might must',
    'what which who whom whose when where why how',
    'not no just very too there',
    's t d m ll re ve don',
  ]
    .join(' ')
    .split(' '),
);

export function isFunctionWord(word: string): boolean {
  return FUNCTION_WORDS.has(word);
}
