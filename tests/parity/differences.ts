/** What is not as it is directly, by design: everything that cases may refer to, with its reason. */
export interface Difference {
  /** Names of the modes in which it is so. */
  readonly modes: readonly string[];
  readonly reason: string;
  /** What comes at the first difference, in the words of {@link describeResponse}. */
  readonly instead: RegExp;
}

const ALL_MODES = ["passthrough", "session", "transaction", "statement"];
const POOLED_MODES = ["session", "transaction", "statement"];
const SHARED_MODES = ["transaction", "statement"];

/** A session of statement mode has no transaction of several units. */
export const NO_TRANSACTIONS: Difference = {
  modes: ["statement"],
  reason: "statement mode ends a session that leaves a transaction open behind a unit",
  instead: /^ErrorResponse FATAL 0A000 transactions of several statements/,
};

/** Settings are the same in capitals; only the heading of a SHOW tells how their names were written first. */
export const NAMES_IN_LOWER_CASE: Difference = {
  modes: SHARED_MODES,
  reason: "settings of an extension are restored by their names in lower case",
  instead: /^RowDescription parity\.mixed/,
};

/** `cached plan must not change result type`, for who asks what the result is in the same batch. */
export const DESCRIBED_ANEW: Difference = {
  modes: SHARED_MODES,
  reason:
    "statements are older on some server connections than on others: who asks for the description of the " +
    "result in the same batch gets the new one, and no error",
  instead: /^BindComplete$/,
};

/** Where an error is in a text that names a prepared statement. */
export const PLACE_BEHIND_A_NAME: Difference = {
  modes: SHARED_MODES,
  reason: "a statement has another name on the server, and what stands behind it another place",
  instead: /^ErrorResponse ERROR 22P02 .* P=3\d /,
};

/** Violations end the session, as they do directly; the words are the gateway's. */
export const VIOLATION_TOLD_BY_US: Difference = {
  modes: ALL_MODES,
  reason:
    "the gateway itself tells a client that it breaks the protocol: the server gets no such bytes",
  instead: /^ErrorResponse FATAL (08P01|54000)/,
};

/** The server itself refuses a password in passthrough mode, where it logs clients in. */
export const PASSWORD_TOLD_BY_US: Difference = { ...VIOLATION_TOLD_BY_US, modes: POOLED_MODES };

/** A first packet that is no StartupMessage. */
export const VIOLATION_OF_STARTUP: Difference = {
  modes: POOLED_MODES,
  reason: "where the gateway logs clients in, it reads the StartupMessage itself",
  instead: /^ErrorResponse FATAL 08P01/,
};

/** A protocol that is not version 3. */
export const OTHER_PROTOCOL: Difference = {
  modes: ALL_MODES,
  reason: "the gateway speaks version 3 only, and says so in its own words",
  instead: /^ErrorResponse FATAL/,
};

/** `idle_session_timeout`. */
export const IDLE_WITHOUT_SERVER: Difference = {
  modes: SHARED_MODES,
  reason: "a session without a server connection is not ended by the server for being idle",
  instead: /^\(nothing\)$/,
};

/** A Sync with nothing in front of it. */
export const LONE_SYNC: Difference = {
  modes: POOLED_MODES,
  reason:
    "a Sync with nothing in front of it is answered without asking the server, whatever is in it",
  instead: /^ReadyForQuery I$/,
};
