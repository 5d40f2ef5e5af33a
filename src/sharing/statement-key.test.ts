import { beforeAll, describe, expect, test } from "bun:test";
import { loadModule, scanSync } from "libpg-query";
import { SEED, SEED_HINT, times } from "../../tests/fixtures/test-size.ts";
import { SeededRandom } from "../../tests/fixtures/seeded-random.ts";
import { MAX_TEXT_BYTES, StatementKey } from "./statement-key.ts";

const key = new StatementKey(1);

/** The key, with `«n»` for a number and `«s»` for a string; undefined when there is none. */
function keyOf(text: string): string | undefined {
  const bytes = Buffer.from(`(${text})`);
  if (!key.read(bytes, 1, bytes.length - 1)) return undefined;
  const written = Buffer.from(key.bytes.subarray(0, key.length)).toString("latin1");
  return written.replaceAll("\u0001", "«n»").replaceAll("\u0002", "«s»");
}

describe("the key of a statement", () => {
  test.each<[string, string]>([
    ["SELECT abalance FROM t WHERE aid = 123", "SELECT abalance FROM t WHERE aid = «n»"],
    ["select\t1 ,\r\n  2;", "select «n» , «n»"],
    ["  select 1 ; \n", "select «n»"],
    ["select '', 'it''s', '\u00fc;--/*'", "select «s», «s», «s»"],
    [String.raw`select '\', 'x'`, "select «s», «s»"],
    [String.raw`select E'\'', e'''\\', 1`, "select E«s», e«s», «n»"],
    ["select N'x', n'x', a'x'", "select N«s», n«s», a«s»"],
    ["select date'2000-01-01', re'x'", "select date«s», re«s»"],
    ['select "a""1 \'x", "E"\'x\'', 'select "a""1 \'x", "E"«s»'],
    ["select $1,$23 ,a$1, _1b2", "select $1,$23 ,a$1, _1b2"],
    ["select 1.5,.5,1.,1e10,1.5E-3,-7", "select «n»,«n»,«n»,«n»,«n»,-«n»"],
    ["select a.b, t.*, 'x'::regclass", "select a.b, t.*, «s»::regclass"],
    ["select a[1:2], b->'x'->>0", "select a[«n»:«n»], b->«s»->>«n»"],
    ["select 1--2 'x\n+3", "select «n» +«n»"],
    ["select 1 - -2 / 3*4", "select «n» - -«n» / «n»*«n»"],
    ["/* a /* ' */ \" */select/**/1 -- b", "select «n»"],
    ["select +/* */+1, *//**/2", "select + +«n», */ «n»"],
    ["select u&1, u & 'x'", "select u&«n», u & «s»"],
    ["select 1;", "select «n»"],
    ["select @-1 <-> 2", "select @-«n» <-> «n»"],
  ])("of %p is %p", (text, expected) => {
    expect(keyOf(text)).toBe(expected);
  });

  test.each<[string]>([
    [""],
    ["  \n "],
    ["-- nothing"],
    [";"],
    ["select 1; select 2"],
    ["select 1;;"],
    ["select 1; -- a"],
    ["select 'never closed"],
    ["select 'never closed''"],
    [String.raw`select E'never closed\'`],
    ['select "never closed'],
    ["select /* never /* closed */ 1"],
    ["select 'a\0'"],
    ["select 1\0"],
    ["select 1 -- \0"],
    ["select 1 /* \0 */"],
    ["select 'a'\n'b'"],
    ["select 'a' -- b\n 'c'"],
    ["select 'a' 'b'"],
    ["select U&'x'"],
    ['select u&"x"'],
    ["select b'01'"],
    ["select X'ff'"],
    ["select $$x$$"],
    ["select $a$x$a$"],
    ["select $"],
    ["select $1a"],
    ["select 0x1f"],
    ["select 1_000"],
    ["select 12abc"],
    ["select 1e"],
    ["select 1e+"],
    ["select 1.2.3"],
    ["select 1..2"],
    ["select ..2"],
    ["select 1$1"],
    ["select 1\u00fc"],
    ["select a\u00fc"],
    ['select "\u00fc"'],
    ["select E'\u00fc'"],
    ["select E'\\\u00fc'"],
    [String.raw`select \ 1`],
    ["select {1}"],
    ["select\v1"],
    ["select 1 \u007f"],
  ])("is not made of %p", (text) => {
    expect(keyOf(text)).toBeUndefined();
  });

  test("is made of texts up to a length", () => {
    const text = (length: number) => `select '${"x".repeat(length - 9)}'`;
    expect(keyOf(text(MAX_TEXT_BYTES))).toBe("select «s»");
    expect(keyOf(text(MAX_TEXT_BYTES + 1))).toBeUndefined();
    const symbols = ",".repeat(MAX_TEXT_BYTES);
    expect(keyOf(symbols)).toBe(symbols);
  });

  test("has a hash that depends on all of it, and not on what was read before", () => {
    const hashOf = (text: string) => (keyOf(text) === undefined ? undefined : key.hash);
    const first = hashOf("select a");
    const texts = ["select b", "select a,", "select a,,", "select A", "select aa", "select 1"];
    const others = texts.map(hashOf);
    expect(new Set([first, ...others]).size).toBe(texts.length + 1);
    expect(hashOf("select a")).toBe(first);
    expect(hashOf("select 2")).toBe(hashOf("select 33.5"));
    const other = new StatementKey(2);
    expect(other.read(Buffer.from("select a"), 0, 8)).toBe(true);
    expect(other.hash).not.toBe(first);
  });
});

describe("beside PostgreSQL's own lexer", () => {
  beforeAll(loadModule);

  test("a text with other numbers and strings has the same words", () => {
    const random = new SeededRandom(SEED);
    let keys = 0;
    for (let round = 0; round < times(20_000, 400_000); round++) {
      const length = 1 + random.below(9);
      const text = Array.from({ length }, () => random.oneOf(PIECES)).join("");
      const shown = keyOf(text);
      if (shown === undefined) continue;
      const original = wordsOf(text.replace(/;\s*$/, ""));
      // An escape that is none, and the like: the server refuses such a text.
      if (original === undefined) continue;
      keys++;
      const other = shown.replaceAll("«n»", ".5").replaceAll("«s»", "'x'");
      if (JSON.stringify(wordsOf(other)) === JSON.stringify(original)) continue;
      throw new Error(`${SEED_HINT}: ${JSON.stringify(text)} is not ${JSON.stringify(other)}`);
    }
    expect(keys).toBeGreaterThan(100);
  });
});

/** What texts are put together from: all that begins, ends, or changes what follows. */
const PIECES: readonly [string, ...string[]] = [
  "select",
  ...Array.from("abeEnNuUxX_$&'\"-/*+.;:,()[]<=>!|@?~#%^`0123456789 \n\t\r\f\\"),
  "''",
  "--",
  "/*",
  "*/",
  "$1",
  "1.5",
  "1e5",
  "'x'",
  "E'",
  "U&'",
  "$$",
  "$a$",
  "::",
  "..",
];

/** Tokens by their kind and text; of numbers and strings the kind alone. Undefined when it has none. */
function wordsOf(text: string): readonly string[] | undefined {
  let scanned: ReturnType<typeof scanSync>;
  try {
    scanned = scanSync(text);
  } catch {
    return undefined;
  }
  return scanned.tokens
    .filter(({ tokenName }) => !tokenName.endsWith("COMMENT"))
    .map(({ tokenName, tokenType, text: written }) => {
      if (tokenName === "ICONST" || tokenName === "FCONST") return "number";
      if (tokenName === "SCONST") return "string";
      return `${tokenType} ${written}`;
    });
}
