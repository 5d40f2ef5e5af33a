import { expect, test } from "bun:test";
import { BYTE_SIZE_PATTERN, formatByteSize, parseByteSize } from "./byte-size.ts";

test.each([
  ["0", 0],
  ["1024", 1024],
  ["1024B", 1024],
  ["64KiB", 65_536],
  ["64 kib", 65_536],
  ["1.5MiB", 1_572_864],
  ["1GiB", 1_073_741_824],
  ["1MB", 1_000_000],
])("%s is %d bytes", (text, bytes) => {
  expect(parseByteSize(text)).toBe(bytes);
  expect(text).toMatch(new RegExp(BYTE_SIZE_PATTERN));
});

test.each(["", "lots", "-1", "1TiB", "1.5", "1 2"])("%p is not a size", (text) => {
  expect(parseByteSize(text)).toBeUndefined();
});

test.each([
  [1_073_741_824, "1GiB"],
  [65_536, "64KiB"],
  [1_000, "1000"],
  [0, "0"],
])("%d bytes are written %s", (bytes, text) => {
  expect(formatByteSize(bytes)).toBe(text);
});
