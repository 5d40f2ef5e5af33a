/**
 * Tells constructs of Expr, the language of GatewayD's policies, that CEL does not have. Looked for only in
 * what CEL has refused.
 */

export interface ExprConstruct {
  /** As it stands in the text. */
  readonly construct: string;
  /** What CEL has in its place. */
  readonly celForm: string;
  /** Where it stands, from 0. */
  readonly offset: number;
}

const WORDS: Readonly<Record<string, string>> = {
  and: "`a && b`",
  or: "`a || b`",
  not: "`!a`, and `!(a in list)` for `not in`",
  contains: "`text.contains(part)`",
  startsWith: "`text.startsWith(part)`",
  endsWith: "`text.endsWith(part)`",
  matches: "`text.matches(pattern)`",
  nil: "`null`",
  let: "the value itself where it is used, or `cel.bind(name, value, expression)`",
  if: "`condition ? a : b`",
};

/** Functions that are methods, macros or otherwise named in CEL. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  len: "`size(value)`",
  all: "`list.all(x, x > 1)`",
  any: "`list.exists(x, x > 1)`",
  one: "`list.exists_one(x, x > 1)`",
  none: "`!list.exists(x, x > 1)`",
  filter: "`list.filter(x, x > 1)`",
  map: "`list.map(x, x + 1)`",
  count: "`size(list.filter(x, x > 1))`",
  find: "`list.filter(x, x > 1)[0]`",
  get: "`map[key]`, behind `key in map`",
  hasPrefix: "`text.startsWith(part)`",
  hasSuffix: "`text.endsWith(part)`",
  indexOf: "`text.indexOf(part)`",
  split: "`text.split(separator)`",
  join: "`list.join(separator)`",
  float: "`double(value)`",
};

const SYMBOLS: Readonly<Record<string, string>> = {
  "??": "`has(a.b) ? a.b : c`",
  "?.": "`has(a.b) && a.b.c`",
  "**": "nothing: CEL has no powers",
  "^": "nothing: CEL has no powers",
  "..": "the numbers, as in `[1, 2, 3]`",
  "|": "the call itself, with the value as its argument",
  "#": "a name, as in `list.exists(x, x > 1)`",
  ";": "one expression",
};

const RAW_STRING = 'r"..."';

const TOKEN = new RegExp(
  [
    String.raw`//[^\n]*`,
    String.raw`/\*[^]*?(?:\*/|$)`,
    String.raw`[rRbB]{0,2}"(?:[^"\\]|\\[^])*"?`,
    String.raw`[rRbB]{0,2}'(?:[^'\\]|\\[^])*'?`,
    "`[^`]*`?",
    String.raw`[A-Za-z_][A-Za-z0-9_]*`,
    String.raw`[0-9]+(?:\.[0-9]+)?`,
    String.raw`\|\||\?\?|\?\.|\*\*|\.\.`,
    String.raw`\S`,
  ].join("|"),
  "g",
);

/** The first construct that is Expr's and not CEL's; undefined if none is known. */
export function findExprConstruct(text: string): ExprConstruct | undefined {
  const tokens = [...text.matchAll(TOKEN)].map((match) => ({ text: match[0], at: match.index }));
  for (const [index, token] of tokens.entries()) {
    const celForm = celFormOf(token.text, tokens[index - 1]?.text, tokens[index + 1]?.text);
    if (celForm !== undefined) return { construct: token.text, celForm, offset: token.at };
  }
  return undefined;
}

function celFormOf(
  token: string,
  previous: string | undefined,
  next: string | undefined,
): string | undefined {
  if (token.startsWith("`")) return `\`${RAW_STRING}\``;
  // Behind a dot, words are fields and methods.
  if (previous === "." && /^\w/.test(token)) return undefined;
  if (next === "(") return ownEntry(FUNCTIONS, token) ?? wordBefore(token);
  return ownEntry(WORDS, token) ?? ownEntry(SYMBOLS, token);
}

/** `not (...)` and `and (...)` look like calls. */
function wordBefore(token: string): string | undefined {
  return token === "not" || token === "and" || token === "or" ? WORDS[token] : undefined;
}

function ownEntry(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
