import { expect, test } from "bun:test";
import { normalizePassword } from "./normalize-password.ts";

// RFC 4013, section 3, and what PostgreSQL does where SASLprep refuses.
test.each([
  ["I\u00adX", "IX", "drops what maps to nothing"],
  ["user", "user", "leaves ASCII alone"],
  ["USER", "USER", "keeps the case"],
  ["\u00aa", "a", "takes the compatibility form"],
  ["\u2168", "IX", "takes the compatibility form of numerals"],
  ["a\u00a0b", "a b", "makes every space a plain one"],
  ["\u0007", "\u0007", "uses a prohibited character as it is"],
  ["\u0627\u0031", "\u0627\u0031", "uses mixed directions as they are"],
  ["\u0221x", "\u0221x", "uses an unassigned character as it is"],
  ["\u00ad", "\u00ad", "does not let a password become empty"],
])("%j becomes %j: it %s", (password, expected) => {
  expect(normalizePassword(password).toString("utf8")).toBe(expected);
});
