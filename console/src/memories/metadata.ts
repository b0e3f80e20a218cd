/** Metadata as it is typed: JSON of an object, or nothing. */
export type ReadMetadata =
  { readonly metadata: Record<string, unknown>; readonly fault?: undefined } | { readonly fault: string };

/** Reads what was typed, or says what is wrong with it. */
export function readMetadata(typed: string): ReadMetadata {
  if (typed.trim() === '') return { metadata: {} };
  let value: unknown;
  try {
    value = JSON.parse(typed) as unknown;
  } catch (error) {
    return { fault: `This is not JSON: ${(error as Error).message}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { fault: 'Metadata is a JSON object, such as {"kind": "preference"}.' };
  return { metadata: value as Record<string, unknown> };
}

export function writeMetadata(metadata: Readonly<Record<string, unknown>>): string {
  return Object.keys(metadata).length === 0 ? '' : JSON.stringify(metadata, null, 2);
}
