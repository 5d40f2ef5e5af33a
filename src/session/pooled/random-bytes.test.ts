import { expect, test } from "bun:test";
import { RandomBytes } from "./random-bytes.ts";

test("gives no byte out twice, across blocks as well", () => {
  const random = new RandomBytes();
  const taken = Array.from({ length: 1_000 }, () => random.take(12));
  expect(taken.every(({ length }) => length === 12)).toBe(true);
  const places = taken.map(({ buffer, byteOffset }) => ({ buffer, byteOffset }));
  for (const [index, place] of places.entries()) {
    const before = places[index - 1];
    if (before?.buffer === place.buffer) expect(place.byteOffset).toBe(before.byteOffset + 12);
  }
  expect(new Set(taken.map((bytes) => Buffer.from(bytes).toString("hex"))).size).toBe(1_000);
});
