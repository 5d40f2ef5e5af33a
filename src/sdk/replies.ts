/** Answers that a plugin gives in place of the server, before they are laid out as messages. */
import type { CellValue, ColumnType } from "./column-types.ts";

/** A column of a plugin's own rows; a name alone is a column of type `text`. */
export interface Column {
  readonly name: string;
  /** Default `text`. */
  readonly type?: ColumnType;
}

export interface RowsReply {
  readonly kind: "rows";
  readonly columns: readonly Required<Column>[];
  readonly rows: readonly (readonly CellValue[])[];
  /** What CommandComplete says. */
  readonly commandTag: string;
}

export interface ErrorReply {
  readonly kind: "error";
  readonly severity: "ERROR" | "FATAL";
  readonly sqlState: string;
  readonly message: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
}

/** An answer that takes the form which the request calls for; see {@link TrafficFromClientEvent.respond}. */
export type Reply = RowsReply | ErrorReply;

/**
 * A result of these rows: for a Query and for an extended batch it becomes a complete, valid answer, from
 * ParseComplete to ReadyForQuery, in text or binary as the client asks. A batch may prepare the unnamed statement, and
 * binds and executes it once; the server hears nothing of that. A parameter whose type the client leaves open is
 * described as `text`.
 *
 * @throws TypeError when a row has more or fewer values than there are columns
 */
export function rows(
  columns: readonly (string | Column)[],
  rows: readonly (readonly CellValue[])[],
  options: {
    /** What the client is told was done. Default `SELECT <number of rows>`. */
    readonly commandTag?: string;
  } = {},
): RowsReply {
  const odd = rows.find((row) => row.length !== columns.length);
  if (odd !== undefined) {
    throw new TypeError(`a row of ${odd.length} values for ${columns.length} columns`);
  }
  return {
    kind: "rows",
    columns: columns.map((column) =>
      typeof column === "string" ? { name: column, type: "text" } : { type: "text", ...column },
    ),
    rows,
    commandTag: options.commandTag ?? `SELECT ${rows.length}`,
  };
}

const SEVERITIES: ReadonlySet<string> = new Set(["ERROR", "FATAL"]);
/** Class 00 is success. */
const SQL_STATE = /^(?!00)[0-9A-Z]{5}$/;

/**
 * An error in place of an answer, as PostgreSQL would report one. With severity `FATAL` the connection of the
 * client ends behind it.
 *
 * @throws TypeError when it is none
 */
export function errorResponse(error: {
  readonly message: string;
  /** Five characters of the manual's appendix A. Default `42000`: the request is not allowed. */
  readonly sqlState?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Default `ERROR`. */
  readonly severity?: "ERROR" | "FATAL";
}): ErrorReply {
  const { severity = "ERROR", sqlState = "42000", message } = error;
  // Plugins are loaded without a look at their types.
  if (!SEVERITIES.has(severity)) throw new TypeError(`${severity} is no severity of an error`);
  if (!SQL_STATE.test(sqlState)) throw new TypeError(`${sqlState} is no SQLSTATE of an error`);
  if (typeof message !== "string") throw new TypeError("an error needs its message");
  return {
    kind: "error",
    severity,
    sqlState,
    message,
    detail: error.detail,
    hint: error.hint,
  };
}
