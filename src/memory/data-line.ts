/**
 * What must not stand as it is in a line of data: `<`, and whatever becomes one when Unicode is normalised, which opens and
 * closes fences; what some reader takes for the end of a line; and what cannot be seen, or turns around the order in which a
 * text is read. The joiners of emoji and of Indic and Persian script (U+200C, U+200D) and
 * the mark of a coloured emoji (U+FE0F) stay, since texts need them.
 */
const UNSAFE =
  /[<\u226e\ufe64\uff1c\u007f-\u009f\u2028\u2029\u2800]|(?!\u200c|\u200d|\ufe0f)[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;

/** One line of JSON, with its line break, that no text inside can end, leave or disguise. `JSON.parse` gives back the value. */
export function dataLine(value: object): string {
  return `${JSON.stringify(value).replace(UNSAFE, escaped)}\n`;
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
