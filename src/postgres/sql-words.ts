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
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(sql)?.[0] ?? sql.slice(at, at + 1);
    const first = token.charCodeAt(0);
    if (token === ";") {
      end();
      at++;
    } else if (token.startsWith("/*")) {
      at = endOfComment(sql, at);
    } else if (first === DOLLAR && token.length > 1 && token.endsWith("$")) {
      words.push(DOLLAR_QUOTED);
      places.push(at);
      at = endOfDollarQuote(sql, at, token);
    } else if (token.endsWith("'") || token.endsWith('"')) {
      const from = at;
      at = endOfQuoted(sql, from, token);
      words.push(wordOf(sql.slice(from, at), first));
      places.push(from);
    } else {
      if (first > SPACE && !token.startsWith("--")) {
        words.push(wordOf(token, first));
        places.push(at);
      }
      at += token.length;
    }
  }
  end();
  return statements;
}

/** Stands for a string between `$tag$` and `$tag$`. */
const DOLLAR_QUOTED = "$$";

/**
 * One token, at `lastIndex`. Of whatever may be long, only the opening: a regular expression gives up within a
 * string of half a megabyte, and what follows would be read as a part of it.
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

function wordOf(token: string, first: number): SqlWord {
  if (first >= 0x30 && first <= 0x39) return "0";
  return token.endsWith("'") || token.endsWith('"') ? token : token.toLowerCase();
}

/** A quote that stands twice is one within; in an escape string so is one behind a backslash. */
function endOfQuoted(sql: string, from: number, opening: string): number {
  const mark = opening.endsWith('"') ? DOUBLE_QUOTE : hasEscapes(opening) ? ESCAPED : QUOTE;
  mark.lastIndex = from + opening.length;
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    // Of two characters: one of those that are within.
    if (found[0].length === 1) return mark.lastIndex;
  }
  return sql.length;
}

function hasEscapes(opening: string): boolean {
  return opening === "e'" || opening === "E'";
}

const QUOTE = /''?/g;
const DOUBLE_QUOTE = /""?/g;
const ESCAPED = /''?|\\[^]/g;

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
  const end = sql.indexOf(tag, from + tag.length);
  return end < 0 ? sql.length : end + tag.length;
}
