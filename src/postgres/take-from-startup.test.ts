import { expect, test } from "bun:test";
import { FrontendWriter } from "./frontend-writer.ts";
import { readStartupOptions } from "./startup-options.ts";
import { readStartupParameters } from "./startup-packet.ts";
import { takeFromStartup } from "./take-from-startup.ts";

const NAMES = new Set(["traceparent", "tracestate"]);
const VERSION = 0x0003_0002;

function startup(parameters: Readonly<Record<string, string>>): Uint8Array {
  return new FrontendWriter().startupMessage(Object.entries(parameters), VERSION).take();
}

test("a message with none of the names is the same object", () => {
  const message = startup({ user: "a", options: "-c search_path=x" });
  expect(takeFromStartup(message, NAMES)).toEqual({ message, taken: new Map() });
  expect(takeFromStartup(message, NAMES).message).toBe(message);
});

test("what is named is taken, and the rest stays in its order", () => {
  const message = startup({ user: "a", TraceParent: "p", database: "d", tracestate: "s" });
  const { message: rest, taken } = takeFromStartup(message, NAMES);
  expect([...readStartupParameters(rest)]).toEqual([
    ["user", "a"],
    ["database", "d"],
  ]);
  expect([...taken]).toEqual([
    ["traceparent", "p"],
    ["tracestate", "s"],
  ]);
  expect(Buffer.from(rest).readUInt32BE(4)).toBe(VERSION);
  expect(Buffer.from(rest).readUInt32BE(0)).toBe(rest.length);
});

test("what is among the options is taken, and what is named goes before it", () => {
  const options = "-c traceparent=one --search-path=a\\ b\\\\c -ctracestate=s -c geqo=off";
  const inOptions = takeFromStartup(startup({ user: "a", options }), NAMES);
  expect(inOptions.taken.get("traceparent")).toBe("one");
  expect(inOptions.taken.get("tracestate")).toBe("s");
  const left = readStartupParameters(inOptions.message).get("options") ?? "";
  expect(readStartupOptions(left)).toEqual([
    ["search_path", "a b\\c"],
    ["geqo", "off"],
  ]);
  const both = startup({ user: "a", traceparent: "two", options: "-c traceparent=one" });
  const { message, taken } = takeFromStartup(both, NAMES);
  expect(taken.get("traceparent")).toBe("two");
  expect([...readStartupParameters(message)]).toEqual([["user", "a"]]);
});

test("what cannot be read is left to whoever reads it", () => {
  for (const message of [
    startup({ user: "a", options: "-B 1 -c traceparent=x" }),
    Uint8Array.of(0, 0, 0, 9, 0, 3, 0, 0, 65),
  ]) {
    expect(takeFromStartup(message, NAMES).message).toBe(message);
  }
});
