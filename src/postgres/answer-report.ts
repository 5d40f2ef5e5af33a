/** Hears what a server's answers say, where they are followed anyway. */
export interface AnswerReport {
  /** Of the answers, so much has come. Not told by {@link ServerStream}. */
  received(byteLength: number): void;
  /** Wants to hear of commands: their tags are read for that alone. */
  readonly followsCommands: boolean;
  /** The ReadyForQuery that ends the login. */
  loggedIn(): void;
  /** Any other one, of which the ledger knows already. */
  answered(transactionStatus: number): void;
  /** An ErrorResponse. `sqlState` is "" when it could not be read. */
  failed(sqlState: string): void;
  /** A CommandComplete. Its tag, like `SELECT 1`, is from `from` to before `to`; the bytes stay as they are. */
  commanded(bytes: Uint8Array, from: number, to: number): void;
}

/** Of an ErrorResponse, so much has its first fields: severity and SQLSTATE. */
export const SQL_STATE_WITHIN_BYTES = 128;

/**
 * The SQLSTATE among the fields of an ErrorResponse, one byte a character; "" if it is not there.
 * PostgreSQL sends it behind the severity, which says nothing that could be taken for it.
 */
export function sqlStateIn(fields: string): string {
  return /(?:^|\0)C([0-9A-Z]{5})\0/.exec(fields)?.[1] ?? "";
}
