import { describe, expect, test } from "bun:test";
import { readStartupOptions } from "./startup-options.ts";

describe("startup options", () => {
  test.each<[string, readonly (readonly [string, string])[]]>([
    ["", []],
    ["-c a=1", [["a", "1"]]],
    ["-ca=1", [["a", "1"]]],
    [
      "  --work-mem=64MB\t-c b=x=y ",
      [
        ["work_mem", "64MB"],
        ["b", "x=y"],
      ],
    ],
    [String.raw`-c search_path=a\ b\\c`, [["search_path", String.raw`a b\c`]]],
    ["-c a=", [["a", ""]]],
  ])("%p", (options, settings) => {
    expect(readStartupOptions(options)).toEqual(settings);
  });

  test.each(["-d 5", "-c", "-c a", "--a", "a=1", "-c =1"])("%p is refused", (options) => {
    expect(() => readStartupOptions(options)).toThrow("startup options");
  });
});
