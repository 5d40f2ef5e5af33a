import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatTraceParent, parseTraceParent } from "./trace-context.ts";

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(...Array.from("0123456789abcdef")), {
      minLength: digits,
      maxLength: digits,
    })
    .map((all) => all.join(""))
    .filter((text) => !/^0+$/.test(text));

const context = fc.record({ traceId: hex(32), spanId: hex(16), isSampled: fc.boolean() });

test("what is written is read again", () => {
  fc.assert(
    fc.property(context, (written) => {
      expect(parseTraceParent(formatTraceParent(written))).toEqual(written);
    }),
  );
});

test("anything else is nothing, and no error", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const read = parseTraceParent(text);
      if (read !== undefined) expect(formatTraceParent(read)).toHaveLength(55);
    }),
  );
});

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

test.each([
  `00-${TRACE}-${SPAN}-01-more`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-1`,
])("%s is refused", (text) => {
  expect(parseTraceParent(text)).toBeUndefined();
});

test("later versions are read as far as they are known, and flags bit by bit", () => {
  expect(parseTraceParent(`01-${TRACE}-${SPAN}-03-more`)).toEqual({
    traceId: TRACE,
    spanId: SPAN,
    isSampled: true,
  });
  expect(parseTraceParent(`00-${TRACE}-${SPAN}-02`)?.isSampled).toBe(false);
});

test("a state goes along if it can be a header", () => {
  const parent = `00-${TRACE}-${SPAN}-01`;
  expect(parseTraceParent(parent, "a=1,b=2")?.traceState).toBe("a=1,b=2");
  expect(parseTraceParent(parent, "a=\r\nb")).not.toHaveProperty("traceState");
  expect(parseTraceParent(parent, "a".repeat(600))).not.toHaveProperty("traceState");
  expect(parseTraceParent(parent, "")).not.toHaveProperty("traceState");
});
