import { expect, test } from "bun:test";
import { withoutValues } from "./without-values.ts";

/** As libpg-query tells of tokens. */
function scanned(...places: readonly (readonly [start: number, end: number])[]): string {
  const tokens = places.map(
    ([start, end]) => `{"start":${start},"end":${end},"text":"\t\\"x","a":1}`,
  );
  return `{"version":1,"tokens":[${tokens.join(",")}]}`;
}

test("strings are numbered on from the parameters, by places in bytes", () => {
  const sql = `é $3 'ü' /* ö */ U&'x' $$y$$ "a'b"`;
  const places = scanned([0, 2], [3, 5], [6, 10], [11, 19], [20, 25], [26, 31], [32, 37]);
  expect(withoutValues(sql, places)).toBe(`é $3 $4   $5 $6 "a'b"`);
});

test("an error of the lexer is no text", () => {
  expect(withoutValues("x", "syntax error")).toBeUndefined();
});
