/** Splits a line of pg_hba.conf into fields and their parts (PostgreSQL manual, 20.1). */

/** One name or word. */
export interface HbaToken {
  readonly text: string;
  /** In double quotes a keyword is a name like any other. */
  readonly isQuoted: boolean;
}

/** A field: tokens between commas. */
export interface HbaField {
  readonly tokens: readonly HbaToken[];
  /** Where it begins, from 1. */
  readonly column: number;
}

const TOKEN = /\s*(?:(?<comment>#.*)|(?<comma>,)|(?<word>(?:[^\s,"#]|"(?:[^"]|"")*")+))/y;

/** The fields of a line; undefined if a quote is not closed. */
export function hbaFields(line: string): readonly HbaField[] | undefined {
  const fields: { tokens: HbaToken[]; column: number }[] = [];
  let follows = false; // a comma came: the next word belongs to the same field
  let at = 0;
  while (line.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(line);
    if (match === null) return undefined;
    at = TOKEN.lastIndex;
    const { comment, comma, word } = match.groups ?? {};
    if (comment !== undefined) break;
    const last = fields.at(-1);
    if (comma !== undefined) {
      // As in PostgreSQL: a comma ends a word it touches; one that stands alone separates nothing.
      follows ||= last !== undefined && match[0] === ",";
    } else if (word !== undefined) {
      const token = { text: unquoted(word), isQuoted: word.startsWith('"') };
      if (follows && last !== undefined) last.tokens.push(token);
      else fields.push({ tokens: [token], column: at - word.length + 1 });
      follows = false;
    }
  }
  return fields;
}

/** Quotes may begin in the middle of a word; doubled inside they stand for one. */
function unquoted(word: string): string {
  return word.replace(/"((?:[^"]|"")*)"/g, (_, inner: string) => inner.replaceAll('""', '"'));
}
