import { expect, test } from "bun:test";
import fc from "fast-check";
import { HOOK_NUMBERS } from "../../hooks/index.ts";
import type { HookName } from "../../hooks/index.ts";
import { packCalls, unpackCalls } from "./packed-calls.ts";
import type { TrafficCall } from "./worker-messages.ts";

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const call: fc.Arbitrary<TrafficCall> = fc.tuple(
  fc.maxSafeNat(),
  fc.constantFrom(...(Object.keys(HOOK_NUMBERS) as HookName[])), // Its own keys.
  fc.maxSafeNat(),
  bytes,
  fc.option(bytes, { nil: undefined }),
  fc.boolean(),
  fc.constant(undefined),
);

test("calls come out as they went in", () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 5 }), (calls) => {
      expect(unpackCalls(packCalls(calls) ?? "")).toEqual(calls);
    }),
  );
});

test("a call that is traced is not packed", () => {
  const trace = { traceId: "0".repeat(32), spanId: "0".repeat(16), isSampled: true } as const;
  const plain: TrafficCall = [1, "OnTraffic", 2, Buffer.of(1), undefined, false, undefined];
  const traced: TrafficCall = [2, "OnTraffic", 2, Buffer.of(1), undefined, false, trace];
  expect(packCalls([plain, traced])).toBeUndefined();
});
