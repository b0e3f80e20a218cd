/**
 * What must not stand as it is in a line of data: `<`, and whatever becomes one when Unicode is normalised, which opens and
 * closes fences; what some reader takes for the end of a line; and what cannot be seen, or turns around the order in which a
 * text is read. The joiners of emoji and of Indic and Persian script (U+200C, U+200D) stay, since words need them.
 */
const UNSAFE =
  /[<\u226e\ufe64\uff1c\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff]|\udb40[\udc00-\udfff]/g;

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
