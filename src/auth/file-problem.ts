/** What is wrong in a file about users or rules, and where. */

export interface FileProblem {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Names no secret, whatever the file holds. */
  readonly message: string;
}
