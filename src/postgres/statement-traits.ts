/**
 * What the text of a statement says it does to the session: what a pool must know before it gives
 * the backend to somebody else.
 *
 * The text does not tell what functions do inside. Only the functions named here are known, and a DO
 * block counts as one that may change settings.
 */
import { isReadByAnalysis, isReadByLiterals } from "./settings.ts";
import { sqlStatements } from "./sql-words.ts";
import type { SqlWord } from "./sql-words.ts";

/** Bits of {@link StatementTraits.flags}. */
export const Trait = {
  /** May change settings of the session: SET, RESET, DISCARD ALL, set_config(), DO. */
  Settings: 1,
  /** LISTEN. */
  Listen: 1 << 1,
  /** UNLISTEN *, also by DISCARD ALL. */
  UnlistenAll: 1 << 2,
  /** Makes a temporary table, view or sequence, or may: anything that names `pg_temp`. */
  Temporary: 1 << 3,
  /** DISCARD ALL or TEMP: temporary tables are gone. */
  DiscardTemporary: 1 << 4,
  /** DECLARE ... WITH HOLD. */
  HoldCursor: 1 << 5,
  /** CLOSE ALL, also by DISCARD ALL. */
  CloseAll: 1 << 6,
  /** pg_advisory_lock() and its like, whose locks outlive the transaction. */
  AdvisoryLock: 1 << 7,
  /** pg_advisory_unlock_all(), also by DISCARD ALL. */
  AdvisoryUnlockAll: 1 << 8,
  /** PREPARE name AS. */
  Prepare: 1 << 9,
  /** EXECUTE name. */
  Execute: 1 << 10,
  /** DEALLOCATE name. */
  Deallocate: 1 << 11,
  /** DEALLOCATE ALL, also by DISCARD ALL. */
  DeallocateAll: 1 << 12,
  /** lastval() or currval(): what they answer depends on the backend. */
  SequenceState: 1 << 13,
  /** DISCARD ALL or SEQUENCES. */
  DiscardSequences: 1 << 14,
  /** BEGIN or START TRANSACTION. */
  Begin: 1 << 15,
  /**
   * Leaves what cannot be followed: LOAD, SET SESSION AUTHORIZATION, and what may set settings that the
   * server does not list, set_config() and DO.
   */
  Untracked: 1 << 16,
  /** SET LOCAL of what the analysis of statements reads: it differs until the transaction ends. */
  LocalSettings: 1 << 17,
  /** There are more statements than one, which run in one transaction. */
  Several: 1 << 18,
  /** SET, SET LOCAL or RESET of what literals are read by, once for all, when a statement is parsed. */
  Literals: 1 << 19,
} as const;

export interface StatementTraits {
  /** Bits of {@link Trait}, of all statements of the text. */
  readonly flags: number;
  /** What SET and RESET name, in lower case, once each; `*` when it may be any setting. */
  readonly settings: readonly string[];
  /** Those among them that go back to what the session began with; `*` when all may. */
  readonly resets: readonly string[];
}

const NONE: StatementTraits = { flags: 0, settings: [], resets: [] };

/**
 * Texts that are longer, and may have traits, are not read: the words of so many characters take the gateway, in which
 * everybody waits meanwhile, some 30 ms.
 */
export const MAX_READ_CHARACTERS = 256 * 1024;

/** Of a text that was not read: it may do all that outlives it. */
export const UNKNOWN_TRAITS: StatementTraits = {
  flags:
    Trait.Settings |
    Trait.Listen |
    Trait.Temporary |
    Trait.HoldCursor |
    Trait.AdvisoryLock |
    Trait.Prepare |
    Trait.Untracked |
    Trait.Literals,
  settings: ["*"],
  resets: ["*"],
};

/**
 * @param sql one or more statements, in any encoding that has ASCII's letters where ASCII has them,
 *   decoded as latin1
 */
export function statementTraits(sql: string): StatementTraits {
  if (!LEADING.test(sql) && !ANYWHERE.test(sql)) return NONE;
  if (sql.length > MAX_READ_CHARACTERS) return UNKNOWN_TRAITS;
  const found: Found = { flags: 0, settings: [], resets: [] };
  const statements = sqlStatements(sql);
  for (const words of statements) inspect(words, found);
  if (found.flags === 0) return NONE;
  if (statements.length > 1) found.flags |= Trait.Several;
  return found;
}

interface Found {
  flags: number;
  readonly settings: string[];
  readonly resets: string[];
}

/**
 * Most statements contain none of this, and need no closer look. White space is looked at once: behind the end of a line
 * no further than to the next one.
 */
const LEADING =
  /(?:(?:^|;|\*\/)\s*|\n[^\S\n]*)(?:set|reset|discard|listen|unlisten|declare|close|prepare|execute|deallocate|begin|start|load|do)\b/i;
const ANYWHERE =
  /\btemp|pg_temp|advisory_(?:un)?lock|\bset_config\b|\b(?:last|curr)val\b|\bexecute\b/i;

const DISCARD_ALL =
  Trait.Settings |
  Trait.UnlistenAll |
  Trait.DiscardTemporary |
  Trait.CloseAll |
  Trait.AdvisoryUnlockAll |
  Trait.DeallocateAll |
  Trait.DiscardSequences;

function inspect(words: readonly SqlWord[], found: Found): void {
  const [verb = "", second = ""] = words;
  switch (verb) {
    case "set":
      return inspectSet(words, found);
    case "reset":
      return addReset(second === "all" ? "*" : settingName(words, 1), found);
    case "discard":
      if (second === "all") {
        found.flags |= DISCARD_ALL;
        addReset("*", found);
        found.resets.push("role");
      } else if (second === "temp" || second === "temporary") {
        found.flags |= Trait.DiscardTemporary;
      } else if (second === "sequences") {
        found.flags |= Trait.DiscardSequences;
      }
      return;
    case "listen":
      found.flags |= Trait.Listen;
      return;
    case "unlisten":
      if (second === "*") found.flags |= Trait.UnlistenAll;
      return;
    case "close":
      if (second === "all") found.flags |= Trait.CloseAll;
      return;
    case "load":
      found.flags |= Trait.Untracked;
      return;
    case "begin":
      found.flags |= Trait.Begin;
      return;
    case "start":
      if (second === "transaction") found.flags |= Trait.Begin;
      return;
    case "do":
      found.flags |= Trait.Untracked;
      addSetting("*", found);
      return;
    case "deallocate":
      return inspectDeallocate(words, found);
    case "prepare":
      // PREPARE TRANSACTION 'id' belongs to two-phase commit.
      if (second === "transaction") return;
      found.flags |= Trait.Prepare;
      break;
    case "execute":
      found.flags |= Trait.Execute;
      break;
    case "declare":
      if (follows(words, "with", "hold")) found.flags |= Trait.HoldCursor;
      break;
    case "explain":
    case "create":
      inspectWithin(words, found);
      break;
  }
  inspectAnywhere(words, found);
}

/** SET [SESSION | LOCAL] name, with all its special forms (PostgreSQL manual, SET). */
function inspectSet(words: readonly SqlWord[], found: Found): void {
  let at = 1;
  if (words[at] === "local" && !isAssignment(words[at + 1])) {
    const name = settingName(words, at + 1);
    if (isReadByAnalysis(name)) found.flags |= Trait.LocalSettings;
    if (isReadByLiterals(name)) found.flags |= Trait.Literals;
    return;
  }
  const isSession = words[at] === "session" && words[at + 1] !== "authorization";
  if (isSession && !isAssignment(words[at + 1])) at++;
  const next = words[at];
  if (next === "transaction" || next === "constraints") return;
  if (next === "characteristics") {
    // AS TRANSACTION ...: isolation level, read only, deferrable.
    for (const name of TRANSACTION_DEFAULTS) addSetting(name, found);
  } else {
    const name = settingName(words, at);
    if (name === "session_authorization") found.flags |= Trait.Untracked;
    if (isDefault(words, name)) addReset(name, found);
    else addSetting(name, found);
  }
}

/** SET name TO DEFAULT, SET TIME ZONE LOCAL. */
function isDefault(words: readonly SqlWord[], name: string): boolean {
  const last = words.at(-1);
  return last === "default" || (last === "local" && name === "timezone");
}

const TRANSACTION_DEFAULTS = [
  "default_transaction_isolation",
  "default_transaction_read_only",
  "default_transaction_deferrable",
];

function isAssignment(word: SqlWord | undefined): boolean {
  return word === "=" || word === "to";
}

/** The setting named from `at` on: one word, or several with dots between. */
function settingName(words: readonly SqlWord[], at: number): string {
  const first = words[at] ?? "";
  const second = words[at + 1];
  if (first === "time" && second === "zone") return "timezone";
  if (first === "session" && second === "authorization") return "session_authorization";
  if (first === "names") return "client_encoding";
  if (first === "schema") return "search_path";
  if (first === "transaction" && second === "isolation") return "transaction_isolation";
  let name = identifier(first);
  for (let dot = at + 1; words[dot] === "."; dot += 2)
    name += `.${identifier(words[dot + 1] ?? "")}`;
  return name.toLowerCase();
}

function inspectDeallocate(words: readonly SqlWord[], found: Found): void {
  const name = words[1] === "prepare" && words.length > 2 ? words[2] : words[1];
  found.flags |= name === "all" ? Trait.DeallocateAll : Trait.Deallocate;
}

/** EXPLAIN ANALYZE EXECUTE name runs it, and CREATE TABLE ... AS EXECUTE name does. */
function inspectWithin(words: readonly SqlWord[], found: Found): void {
  const at = words.lastIndexOf("execute");
  if (at < 0 || (words[0] === "create" && words[at - 1] !== "as")) return;
  found.flags |= Trait.Execute;
}

function inspectAnywhere(words: readonly SqlWord[], found: Found): void {
  words.forEach((written, at) => {
    const word = identifier(written);
    const isCall = words[at + 1] === "(";
    if (isCall) found.flags |= CALLS.get(word) ?? 0;
    if (isCall && word === "set_config") addSetting("*", found);
    if (word === "pg_temp" || (isTemporary(word) && canCreate(words[at - 1]))) {
      found.flags |= Trait.Temporary;
    }
  });
}

/** CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMP ..., SELECT ... INTO [LOCAL] TEMP ... */
function canCreate(before: SqlWord | undefined): boolean {
  return before !== undefined && BEFORE_TEMPORARY.has(before);
}

const BEFORE_TEMPORARY: ReadonlySet<string> = new Set([
  "create",
  "replace",
  "global",
  "local",
  "into",
]);

function isTemporary(word: SqlWord): boolean {
  return word === "temp" || word === "temporary";
}

/** What calling a function means for the session. */
const CALLS: ReadonlyMap<string, number> = new Map([
  ["set_config", Trait.Settings | Trait.Untracked],
  ["pg_advisory_lock", Trait.AdvisoryLock],
  ["pg_advisory_lock_shared", Trait.AdvisoryLock],
  ["pg_try_advisory_lock", Trait.AdvisoryLock],
  ["pg_try_advisory_lock_shared", Trait.AdvisoryLock],
  ["pg_advisory_unlock_all", Trait.AdvisoryUnlockAll],
  ["lastval", Trait.SequenceState],
  ["currval", Trait.SequenceState],
]);

function addSetting(name: string, found: Found): void {
  found.flags |= isReadByLiterals(name) ? Trait.Settings | Trait.Literals : Trait.Settings;
  if (!found.settings.includes(name)) found.settings.push(name);
}

function addReset(name: string, found: Found): void {
  addSetting(name, found);
  if (!found.resets.includes(name)) found.resets.push(name);
}

function follows(words: readonly SqlWord[], first: SqlWord, second: SqlWord): boolean {
  return words.some((word, at) => word === first && words[at + 1] === second);
}

/** A name as PostgreSQL takes it: without its quotes, doubled ones inside made single. */
function identifier(word: SqlWord): string {
  return word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word;
}
