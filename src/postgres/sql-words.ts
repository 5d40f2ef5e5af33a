/**
 * Cuts SQL text into statements, and those into words: enough to tell what a statement is, without
 * understanding it (PostgreSQL manual, 4.1 Lexical Structure).
 *
 * Comments, and what is inside strings, quoted identifiers and dollar quotes, is stepped over: a
 * keyword that stands there is none. Strings are read as `standard_conforming_strings = on` reads
 * them.
 */

/**
 * Something that is no white space: an identifier or keyword in lower case, a quoted identifier with
 * its quotes (`"Name"`), a string with its quotes (`'text'`), `0` for any number, or one other
 * character.
 */
export type SqlWord = string;

/** Statements, without the `;` between them; empty ones are left out. */
export function sqlStatements(sql: string): readonly (readonly SqlWord[])[] {
  return placedStatements(sql).map(({ words }) => words);
}

/** A statement, and where in the text each of its words begins. */
export interface PlacedStatement {
  readonly words: readonly SqlWord[];
  readonly places: readonly number[];
}

/** The same as {@link sqlStatements}, with places. */
export function placedStatements(sql: string): readonly PlacedStatement[] {
  const statements: PlacedStatement[] = [];
  let words: SqlWord[] = [];
  let places: number[] = [];
  const end = () => {
    if (words.length > 0) statements.push({ words, places });
    words = [];
    places = [];
  };
  for (let at = 0; at < sql.length;) {
    const token = tokenAt(sql, at);
    const next = endOf(token, sql, at);
    if (token === ";") end();
    else if (isWord(token)) {
      words.push(wordOf(token, sql, at, next));
      places.push(at);
    }
    at = next;
  }
  end();
  return statements;
}

/** Whether the text has more words than so many, each `;` counted as one. Reads no further than that. */
export function hasMoreWords(sql: string, count: number): boolean {
  if (sql.length <= count) return false;
  let words = 0;
  for (let at = 0; at < sql.length;) {
    const token = tokenAt(sql, at);
    if (isWord(token) && ++words > count) return true;
    at = endOf(token, sql, at);
  }
  return false;
}

/** Stands for a string between `$tag$` and `$tag$`. */
const DOLLAR_QUOTED = "$$";

/**
 * One token, at `lastIndex`. Of whatever is quoted, and of a block comment, only the opening: expressions that step over
 * the rest take for ever when a text is long and hostile.
 */
const TOKEN = new RegExp(
  [
    String.raw`[ \t\n\r\f\v]+`,
    String.raw`--[^\n\r]*`,
    String.raw`/\*`,
    String.raw`(?:[eEbBxXnN]|[uU]&)?'`,
    String.raw`(?:[uU]&)?"`,
    String.raw`\$(?:[A-Za-z_\x80-\uffff][A-Za-z0-9_\x80-\uffff]*)?\$`,
    String.raw`[A-Za-z_\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*`,
    String.raw`[0-9][A-Za-z0-9_.]*`,
    String.raw`[^]`,
  ].join("|"),
  "y",
);

const SPACE = 0x20;
const DOLLAR = 0x24;
const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** How a string begins in which a backslash says something of what follows. */
const ESCAPING = /^e/i;

function tokenAt(sql: string, at: number): string {
  TOKEN.lastIndex = at;
  return TOKEN.exec(sql)?.[0] ?? sql.slice(at, at + 1);
}

/** Not white space, and no comment. */
function isWord(token: string): boolean {
  return token.charCodeAt(0) > SPACE && !token.startsWith("--") && token !== "/*";
}

/** Where the token ends, with what it opens. */
function endOf(token: string, sql: string, at: number): number {
  const behind = at + token.length;
  if (token.startsWith("--")) return behind;
  const last = token.charCodeAt(token.length - 1);
  if (last === QUOTE || last === DOUBLE_QUOTE) {
    return endOfQuoted(sql, behind, last, ESCAPING.test(token));
  }
  if (token === "/*") return endOfComment(sql, at);
  return isDollarQuote(token) ? endOfDollarQuote(sql, behind, token) : behind;
}

function wordOf(token: string, sql: string, at: number, end: number): SqlWord {
  if (isDollarQuote(token)) return DOLLAR_QUOTED;
  const first = token.charCodeAt(0);
  if (first >= 0x30 && first <= 0x39) return "0";
  const last = token.charCodeAt(token.length - 1);
  return last === QUOTE || last === DOUBLE_QUOTE ? sql.slice(at, end) : token.toLowerCase();
}

/** Identifiers may end with `$` as well, and `$` stands alone too. */
function isDollarQuote(token: string): boolean {
  return token.length > 1 && token.charCodeAt(0) === DOLLAR;
}

/** Behind the quote that closes what begins at `from`; one that is doubled does not. */
function endOfQuoted(sql: string, from: number, quote: number, escapes: boolean): number {
  for (let at = from; at < sql.length; at++) {
    const character = sql.charCodeAt(at);
    if (character === quote && sql.charCodeAt(++at) !== quote) return at;
    if (character === BACKSLASH && escapes) at++;
  }
  return sql.length;
}

/** Block comments nest, unlike those of C. */
function endOfComment(sql: string, from: number): number {
  let depth = 0;
  COMMENT_MARK.lastIndex = from;
  for (let mark = COMMENT_MARK.exec(sql); mark !== null; mark = COMMENT_MARK.exec(sql)) {
    depth += mark[0] === "/*" ? 1 : -1;
    if (depth === 0) return COMMENT_MARK.lastIndex;
  }
  return sql.length;
}

const COMMENT_MARK = /\/\*|\*\//g;

function endOfDollarQuote(sql: string, from: number, tag: string): number {
  const end = sql.indexOf(tag, from);
  return end < 0 ? sql.length : end + tag.length;
}
