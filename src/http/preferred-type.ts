/**
 * Whether whoever sent this `Accept` would rather have plain text than JSON (RFC 9110, section 12.5.1). Who does not say
 * so, and likes both alike, gets JSON.
 */
export function prefersText(accept: string | undefined): boolean {
  const ranges = (accept ?? '').split(',').map(rangeOf);
  const quality = (...names: string[]): number => {
    for (const name of names) {
      const range = ranges.find(({ type }) => type === name);
      if (range) return range.quality;
    }
    return 0;
  };
  return quality('text/plain') > quality('application/json', 'application/*', '*/*');
}

function rangeOf(range: string): { type: string; quality: number } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = weight === undefined ? 1 : Number(weight.slice(2));
  return { type, quality: Number.isNaN(quality) ? 0 : quality };
}
