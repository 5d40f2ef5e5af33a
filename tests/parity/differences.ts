/** What is not as it is directly, by design: everything that cases may refer to, with its reason. */
export interface Difference {
  /** Names of the modes in which it is so. */
  readonly modes: readonly string[];
  readonly reason: string;
  /** What comes at the first difference, in the words of {@link describeResponse}. */
  readonly instead: RegExp;
}

/** A session of statement mode has no transaction of several units. */
export const NO_TRANSACTIONS: Difference = {
  modes: ["statement"],
  reason: "statement mode ends a session that leaves a transaction open behind a unit",
  instead: /^ErrorResponse FATAL 0A000 transactions of several statements/,
};

/** Settings are the same in capitals; only the heading of a SHOW tells how their names were written first. */
export const NAMES_IN_LOWER_CASE: Difference = {
  modes: ["transaction", "statement"],
  reason: "settings of an extension are restored by their names in lower case",
  instead: /^RowDescription parity\.mixed/,
};
