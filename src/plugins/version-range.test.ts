import { expect, test } from "bun:test";
import { isVersionWanted } from "./version-range.ts";

test.each([
  ["1.2.3", ""],
  ["junk", "*"],
  ["1.2.3", "1.2.3"],
  ["v2.0.0", "1.2.3"],
  ["1.2.3", "v1.2"],
  ["1.2.3", "1"],
  ["1.2.3", ">=1.0.0"],
  ["1.2.3", ">= 1.0 < 2"],
  ["1.2.3", "^1.2"],
  ["1.2.3", "~v1.2.0"],
  ["3.1.0", "1.x || 3.x"],
  ["1.2.3", "1.0.0 - 1.9.0"],
  ["1.2.3", "=1.2.3"],
  ["1.2", "1.2.0"],
  ["1.3.0-rc.1", "1.2.9"],
])("version %s is wanted by %p", (version, wanted) => {
  expect(isVersionWanted(version, wanted)).toBe(true);
});

test.each([
  ["1.2.3", "1.2.4"],
  ["1.2.3", "2"],
  ["1.2.3-rc.1", "1.2.3"],
  ["1.2.3", "^2.0.0"],
  ["1.2.3", "<1"],
  ["1.2.3", "=1.2.4"],
  ["", "1.0.0"],
  ["junk", "1.0.0"],
  ["1.2.3", "junk"],
  ["1.2.3", ">=junk"],
  ["1.2.3", "1.0.0; rm"],
])("version %p is not wanted by %s", (version, wanted) => {
  expect(isVersionWanted(version, wanted)).toBe(false);
});
