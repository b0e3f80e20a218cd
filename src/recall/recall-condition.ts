import type { SqlPart } from './sql-part.js';

/** What a search is restricted to: a condition on the row `m` of a memory, and where indexes have a part in it. */
export interface RecallCondition extends SqlPart {
  /**
   * Where it can be told by an index: a SELECT of the `memory_id` of every memory of which the condition is true, and
   * maybe of others, or of one more than once. It reads $1, the tenant, and `bound`, a common table expression of one
   * row: with `bound.most` rows or more it need not go on, since then it is not used.
   */
  readonly lookup?: SqlPart | undefined;
  /** Where the condition is nothing but that the memory is this agent's. */
  readonly agentId?: string | undefined;
}

/** A condition as it stands in a statement. */
export interface Restriction {
  readonly condition: string;
  readonly lookup: string | undefined;
}

/** The condition with its parameters from a number on, which are those of {@link parametersOf}. */
export function restrictionFrom(first: number, condition: RecallCondition): Restriction;
export function restrictionFrom(
  first: number,
  condition: RecallCondition | undefined,
): Restriction | undefined;
export function restrictionFrom(
  first: number,
  condition: RecallCondition | undefined,
): Restriction | undefined {
  return (
    condition && {
      condition: condition.text(first),
      lookup: condition.lookup?.text(first + condition.values.length),
    }
  );
}

export function parametersOf(condition: RecallCondition | undefined): readonly unknown[] {
  return condition ? [...condition.values, ...(condition.lookup?.values ?? [])] : [];
}
