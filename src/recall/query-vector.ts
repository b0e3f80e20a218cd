/** What a question is compared by. */
export interface QueryVector {
  /** Of which it is, and in which alone it is compared. */
  readonly space: string;
  readonly numbers: readonly number[];
  /** Whether it tells words, as the postings do, and not meaning. */
  readonly tellsWords: boolean;
}
