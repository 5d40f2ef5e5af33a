import { expect, test } from "bun:test";
import fc from "fast-check";
import { LineReader, MAX_LINE_BYTES } from "./line-reader.ts";

function linesOf(chunks: readonly Uint8Array[]): readonly [string, number][] {
  const lines: [string, number][] = [];
  const reader = new LineReader((text, byteLength) => lines.push([text, byteLength]));
  for (const chunk of chunks) reader.read(chunk);
  reader.end();
  return lines;
}

test("lines are the same however they are cut into chunks", () => {
  const text = "first\r\n\nthird: grüße\nlast without an end";
  const expected: readonly [string, number][] = [
    ["first", 6],
    ["", 0],
    ["third: grüße", 14],
    ["last without an end", 19],
  ];
  fc.assert(
    fc.property(fc.array(fc.nat({ max: text.length + 2 })), (cuts) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.sort((left, right) => left - right), bytes.length];
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      expect(linesOf(chunks)).toEqual(expected);
    }),
  );
});

test("a line that is too long keeps its beginning and its length, and the next one is whole", () => {
  const chunk = Buffer.alloc(50_000, "x");
  const lines = linesOf([chunk, chunk, chunk, Buffer.from("\nnext\n")]);
  expect(lines).toEqual([
    ["x".repeat(MAX_LINE_BYTES), 150_000],
    ["next", 4],
  ]);
});
