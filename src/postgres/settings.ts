/**
 * What a session has set (PostgreSQL manual, SET), in the values the server itself reports, and the
 * SQL to bring another connection to the same.
 *
 * The server is asked what is set, instead of working it out from the statements: a SET can be rolled
 * back, undone by a savepoint or made inside a function, and `german` is really `German, DMY`.
 */

/** Settings that differ from those the connection began with. Never changed once made. */
export class Settings {
  static readonly NONE = new Settings([]);

  /** Sorted by name. */
  readonly values: ReadonlyMap<string, string>;
  /** The same for equal settings, and only for those. */
  readonly key: string;
  #analysisKey: string | undefined;
  #resultKey: string | undefined;
  #literalsKey: string | undefined;

  constructor(values: Iterable<readonly [name: string, value: string]>) {
    const sorted = [...new Map(values)].toSorted(([left], [right]) => (left < right ? -1 : 1));
    this.values = new Map(sorted);
    this.key = JSON.stringify(sorted);
  }

  /**
   * The same for settings under which a text is analysed the same, "" for those of the server: without
   * the few that only concern how a statement is run or logged.
   */
  get analysisKey(): string {
    this.#analysisKey ??= this.#makeAnalysisKey();
    return this.#analysisKey;
  }

  /** The same for settings that are told apart by nothing but the name of the application. */
  get resultKey(): string {
    this.#resultKey ??= this.values.has(APPLICATION_NAME)
      ? JSON.stringify([...this.values].filter(([name]) => name !== APPLICATION_NAME))
      : this.key;
    return this.#resultKey;
  }

  /** The same for settings under which the literals in a text are the same values. */
  get literalsKey(): string {
    this.#literalsKey ??= JSON.stringify(
      [...this.values].filter(([name]) => isReadByLiterals(name)),
    );
    return this.#literalsKey;
  }

  /** Most often it is the very same object. */
  equals(other: Settings): boolean {
    return this === other || this.key === other.key;
  }

  /** These, with some of them changed. */
  with(values: Iterable<readonly [name: string, value: string]>): Settings {
    return new Settings([...this.values, ...values]);
  }

  #makeAnalysisKey(): string {
    const relevant = [...this.values].filter(([name]) => isReadByAnalysis(name));
    return relevant.length === 0 ? "" : JSON.stringify(relevant);
  }
}

const APPLICATION_NAME = "application_name";

/** Neither the analysis of a statement nor its plan reads these. */
const HARMLESS: ReadonlySet<string> = new Set([
  "application_name",
  "client_connection_check_interval",
  "client_min_messages",
  "deadlock_timeout",
  "idle_in_transaction_session_timeout",
  "idle_session_timeout",
  "lock_timeout",
  "log_duration",
  "log_min_duration_statement",
  "log_min_messages",
  "log_statement",
  "statement_timeout",
  "synchronous_commit",
  "tcp_keepalives_count",
  "tcp_keepalives_idle",
  "tcp_keepalives_interval",
  "tcp_user_timeout",
  "transaction_timeout",
]);

/** Whether the analysis of a statement, or its plan, depends on a setting. */
export function isReadByAnalysis(name: string): boolean {
  return !HARMLESS.has(name);
}

/**
 * Whether the value of a literal may depend on it, for as long as the statement lives: the analysis of a
 * statement reads literals, once for all. When search_path has changed, the server itself starts anew.
 *
 * @param name in any case; `*` for any setting
 */
export function isReadByLiterals(name: string): boolean {
  return READ_BY_LITERALS.has(name.toLowerCase());
}

/** A role decides what may be set at all: left first, entered last. */
const ROLE = "role";

/** What the lexer and the input functions of types read. */
const READ_BY_LITERALS: ReadonlySet<string> = new Set([
  "*",
  "array_nulls",
  "backslash_quote",
  "client_encoding",
  "datestyle",
  "default_text_search_config",
  "intervalstyle",
  "lc_monetary",
  "lc_numeric",
  "lc_time",
  "standard_conforming_strings",
  "timezone",
  "timezone_abbreviations",
  "transform_null_equals",
  "xmlbinary",
  "xmloption",
]);

/**
 * Statements that bring a connection from one set of settings to another, all or none; undefined
 * when there is nothing to do.
 */
export function restoreStatements(from: Settings, to: Settings): string | undefined {
  if (from.equals(to)) return undefined;
  const { values } = to;
  const gone = [...from.values.keys()].filter((name) => name !== ROLE && !values.has(name));
  const changed = [...values].filter(
    ([name, value]) => name !== ROLE && from.values.get(name) !== value,
  );
  const role = values.get(ROLE);
  const isRoleChanged = from.values.get(ROLE) !== role || gone.length + changed.length > 0;
  const statements = [
    ...(from.values.has(ROLE) && isRoleChanged ? ["RESET ROLE"] : []),
    ...gone.map((name) => `RESET ${quotedName(name)}`),
    ...(changed.length > 0 ? [`SELECT ${changed.map(setConfig).join(", ")}`] : []),
    ...(role !== undefined && isRoleChanged ? [`SELECT ${setConfig([ROLE, role])}`] : []),
  ];
  return statements.join("; ");
}

/** The statement that sets what a client asks for, all or nothing, checked by the server. */
export function requestStatements(
  wanted: Iterable<readonly [name: string, value: string]>,
): string {
  return `SELECT ${[...wanted].map(setConfig).join(", ")}`;
}

/**
 * The same within a transaction that has only begun: unlike a SELECT this takes no snapshot, behind which
 * its isolation level could not be set any more.
 * @param values as the server reports them
 */
export function setStatements(values: Iterable<readonly [name: string, value: string]>): string {
  const set = ([name, value]: readonly [string, string]): string =>
    `SET ${quotedName(name)} TO ${NAME_LISTS.has(name) ? nameList(value) : literal(value)}`;
  return [...values].map(set).join("; ");
}

/** Settings that are lists of names, which SET wants one by one. */
const NAME_LISTS: ReadonlySet<string> = new Set(["search_path", "temp_tablespaces"]);

/** The server writes names as identifiers, quoted where that is needed. */
function nameList(value: string): string {
  const names = value.match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? [""];
  return names
    .map((name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name))
    .map(literal)
    .join(", ");
}

/** A setting may be named in two parts: `myapp.user`. */
export function quotedName(name: string): string {
  return name
    .split(".")
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".");
}

/** A call that sets it for the session; without a FROM or a SELECT around it. */
export function setConfig([name, value]: readonly [name: string, value: string]): string {
  return `pg_catalog.set_config(${literal(name)}, ${literal(value)}, false)`;
}

/** Right whatever `standard_conforming_strings` is: a backslash is written so that both agree. */
function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return quoted.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

/**
 * A query whose rows (name, value) are what is set now.
 *
 * @param custom names that pg_settings does not list: those with a dot, of no loaded extension
 */
export function settingsQuery(custom: Iterable<string>): string {
  const names = [...custom].map(literal).join(", ");
  return (
    "SELECT name, setting FROM pg_catalog.pg_settings" +
    " WHERE source OPERATOR(pg_catalog.=) 'session'" +
    ` AND name OPERATOR(pg_catalog.!~) '^(${OF_ONE_TRANSACTION}|session_authorization)$'` +
    ` UNION ALL SELECT '${ROLE}', pg_catalog.current_setting('${ROLE}')` +
    ` WHERE pg_catalog.current_setting('${ROLE}') OPERATOR(pg_catalog.<>) 'none'` +
    (names === "" ? "" : customQuery(names))
  );
}

/** What is set anew for each transaction. */
const OF_ONE_TRANSACTION = "transaction_isolation|transaction_read_only|transaction_deferrable";

function customQuery(names: string): string {
  return (
    " UNION ALL SELECT name, pg_catalog.current_setting(name, true)" +
    ` FROM pg_catalog.unnest(ARRAY[${names}]::pg_catalog.text[]) AS custom (name)` +
    " WHERE pg_catalog.current_setting(name, true) IS NOT NULL"
  );
}
