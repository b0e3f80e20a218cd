/** Of one request: how many texts, and their length together in UTF-16 units. */
export interface RequestLimit {
  readonly texts: number;
  readonly length: number;
}

/**
 * Things to embed, in their order, of each request those whose texts it takes; one that has more takes several by itself.
 * @param limit without one, all are one request
 */
export function requestsOf<T>(
  things: readonly T[],
  textsOf: (thing: T) => readonly string[],
  limit: RequestLimit = { texts: Infinity, length: Infinity },
): T[][] {
  const requests: T[][] = [];
  let left: RequestLimit = { texts: 0, length: 0 };
  for (const thing of things) {
    const texts = textsOf(thing);
    const length = texts.reduce((sum, text) => sum + text.length, 0);
    const last = requests.at(-1);
    if (last && texts.length <= left.texts && length <= left.length) last.push(thing);
    else {
      requests.push([thing]);
      left = limit;
    }
    left = { texts: left.texts - texts.length, length: left.length - length };
  }
  return requests;
}
