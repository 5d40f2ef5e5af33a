/** What clients ask for, as administration sees it. */

/** What was asked by one statement, whatever its values: by one user in one database. */
export interface StatementView {
  readonly group: string;
  readonly block: string;
  readonly user: string;
  readonly database: string;
  /** Without its values; "" where they cannot be told from the rest, as is `fingerprint`. */
  readonly statement: string;
  readonly fingerprint: string;
  /** Of the text as it came first. */
  readonly textLength: number;
  readonly calls: number;
  readonly totalMs: number;
  readonly maxMs: number;
  /** How much of the total was spent waiting for a server connection. */
  readonly waitedMs: number;
  readonly rows: number;
  readonly errors: number;
  /** Since 1970, as is `sinceMs`: since when it is counted. */
  readonly lastSeenMs: number;
  readonly sinceMs: number;
}

/** What is in no statement's figures. */
export interface UnlistedView {
  readonly group: string;
  readonly block: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly errors: number;
  /** How many statements have been pushed out by others. */
  readonly evictions: number;
}

export interface StatementsView {
  /** In no order. */
  readonly statements: readonly StatementView[];
  readonly unlisted: readonly UnlistedView[];
}

/** What a block has done since the start. */
export interface BlockTotalsView {
  readonly group: string;
  readonly block: string;
  readonly units: number;
  readonly transactions: number;
  readonly errors: number;
  /** From clients, and to them. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** All together: how long units took, and how long sessions waited for a server connection. */
  readonly unitMs: number;
  readonly waitMs: number;
}

/** What happened between the point before and this one. */
export interface HistoryPointView {
  /** Its end, in milliseconds since 1970. */
  readonly atMs: number;
  readonly lastedMs: number;
  readonly unitsPerSecond: number;
  readonly transactionsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
  readonly unitMsPerSecond: number;
  readonly waitMsPerSecond: number;
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  readonly latencyP99Ms: number;
  readonly waitP95Ms: number;
  readonly clients: number;
  readonly leased: number;
  readonly waiting: number;
}

export interface BlockHistoryView {
  readonly group: string;
  readonly block: string;
  /** Oldest first. */
  readonly points: readonly HistoryPointView[];
}

export interface HistoryView {
  readonly stepMs: number;
  readonly keptMs: number;
  readonly blocks: readonly BlockHistoryView[];
}
