import { describe, expect, test } from "bun:test";
import { FrontendWriter } from "./frontend-writer.ts";
import { UnitGate } from "./unit-gate.ts";

const MAX_BYTES = 1 << 20;
const query = new FrontendWriter().query("select 1").take();
const sync = new FrontendWriter().sync().take();
const flush = new FrontendWriter().flush().take();
const terminate = new FrontendWriter().terminate().take();
const copyDone = new FrontendWriter().copyDone().take();
const parse = new FrontendWriter().parse({ name: "", text: "select 1", parameterTypes: [] }).take();
const batch = Buffer.concat([parse, sync]);

function gateWith(...pieces: readonly Uint8Array[]): UnitGate {
  const gate = new UnitGate(MAX_BYTES);
  for (const piece of pieces) gate.push(piece);
  return gate;
}

describe("the gate in front of a server", () => {
  test.each<[string, Uint8Array, boolean]>([
    ["a query", query, true],
    ["a batch", batch, true],
    ["a batch up to a Flush", Buffer.concat([parse, flush]), true],
    ["a part of a query", query.subarray(0, -1), false],
    ["the first byte of a query", query.subarray(0, 1), false],
    ["a batch without Sync", parse, false],
    ["a Sync", sync, false],
    ["a Flush", flush, false],
    ["the end of a COPY that is over", copyDone, false],
    ["a goodbye", terminate, false],
  ])("is open for %s: %p", (_, bytes, isReady) => {
    expect(gateWith(bytes).isReady).toBe(isReady);
    for (let at = 1; at < bytes.length; at++) {
      const gate = gateWith(bytes.subarray(0, at), bytes.subarray(at));
      expect(gate.isReady).toBe(isReady);
    }
  });

  test("keeps what the server needs, cut anywhere, and drops the rest", () => {
    const bytes = Buffer.concat([sync, copyDone, flush, query, sync, batch]);
    for (let at = 0; at < bytes.length; at++) {
      const gate = gateWith(bytes.subarray(0, at), bytes.subarray(at));
      expect(gate.takeLoneSyncs()).toBe(1);
      expect(gate.takeLoneSyncs()).toBe(0);
      expect(Buffer.concat(gate.take())).toEqual(Buffer.concat([query, sync, batch]));
      expect(gate.isEmpty).toBe(true);
    }
  });

  test("does not wait for the end of what is long", () => {
    const long = new FrontendWriter().query("x".repeat(100_000)).take();
    const gate = gateWith(long.subarray(0, 70_000));
    expect(gate.isReady).toBe(true);
    expect(Buffer.concat(gate.take())).toEqual(Buffer.from(long.subarray(0, 70_000)));
    // It begins anew: what follows was read by somebody else.
    gate.push(query);
    expect(gate.isReady).toBe(true);
  });

  test("hears a goodbye in front of everything", () => {
    expect(gateWith(terminate).hasTerminated).toBe(true);
    expect(gateWith(query, terminate).hasTerminated).toBe(false);
  });

  test("refuses what no client sends", () => {
    expect(() => gateWith(Buffer.from("GET / HTTP/1.1\r\n"))).toThrow();
    expect(() => gateWith(new FrontendWriter().passwordMessage("x").take())).toThrow(
      "invalid frontend message type",
    );
  });
});
