/** A part of a statement with its parameters. */
export interface SqlPart {
  /** @param firstParameter the number of the first of its parameters in the statement */
  readonly text: (firstParameter: number) => string;
  readonly values: readonly unknown[];
}

/** Parts one after the other, with what stands between them; undefined when there are none. */
export function joined(parts: readonly SqlPart[], separator: string): SqlPart | undefined {
  if (parts.length === 0) return undefined;
  return {
    text: (firstParameter) => {
      let next = firstParameter;
      return parts
        .map((part) => {
          const text = part.text(next);
          next += part.values.length;
          return text;
        })
        .join(separator);
    },
    values: parts.flatMap(({ values }) => values),
  };
}
