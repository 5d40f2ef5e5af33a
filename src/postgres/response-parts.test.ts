import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anySplit, backend, everySplit } from "../../tests/fixtures/wire/index.ts";
import { ResponseParts } from "./index.ts";
import type { ResponsePart } from "./index.ts";

const MAX_PART_BYTES = 200;

function cut(chunks: readonly Uint8Array[]) {
  const emitted: ResponsePart[] = [];
  const parts = new ResponseParts(10_000, MAX_PART_BYTES, (part) => emitted.push(part));
  for (const chunk of chunks) parts.push(chunk);
  return { parts, emitted };
}

/** As text: the tags of the messages, and what the part ends. */
function told(parts: readonly ResponsePart[]): readonly string[] {
  return parts.map(({ bytes, endsCycle, endsLoginStep, startsCopyIn }) => {
    const buffer = Buffer.from(bytes);
    let tags = "";
    for (let at = 0; at < buffer.length; at += 1 + buffer.readInt32BE(at + 1)) {
      tags += String.fromCharCode(buffer.readUInt8(at));
    }
    return `${tags}${endsCycle ? " cycle" : ""}${endsLoginStep ? " login step" : ""}${startsCopyIn ? " copy in" : ""}`;
  });
}

const login = Buffer.concat([
  backend.authenticationOk(),
  backend.parameterStatus("server_version", "18.0"),
  backend.keyData(new Uint8Array(8)),
  backend.ready(),
]);
const row = backend.dataRow("x".repeat(50));

const CASES: Readonly<Record<string, readonly [readonly Uint8Array[], readonly string[]]>> = {
  "a login without a password": [[login], ["RSKZ cycle"]],
  "a login with a password": [
    [backend.authentication(5, new Uint8Array(4)), login],
    ["R login step", "RSKZ cycle"],
  ],
  "the steps of SASL": [
    [
      backend.authentication(10, "SCRAM-SHA-256", ""),
      backend.authentication(11, "r=x"),
      backend.authentication(12, "v=x"),
      login,
    ],
    ["R login step", "R login step", "RRSKZ cycle"],
  ],
  "an answer to each query": [
    [backend.rows("1"), backend.rows("2", "3")],
    ["TDCZ cycle", "TDDCZ cycle"],
  ],
  "an error as a whole": [[backend.error("42601"), backend.ready("E")], ["EZ cycle"]],
  "the notices of an answer with it": [[backend.notice("a"), backend.rows("1")], ["NTDCZ cycle"]],
  "a large answer in parts": [
    [
      backend.rowDescription("x"),
      row,
      row,
      row,
      row,
      backend.commandComplete("x"),
      backend.ready(),
    ],
    ["TDD", "DDCZ cycle"],
  ],
  "a message that is larger than a part by itself": [
    [row, backend.dataRow("x".repeat(300)), row, backend.ready()],
    ["D", "D", "DZ cycle"],
  ],
  "an answer as large as a part, and its end": [
    [backend.dataRow("x".repeat(MAX_PART_BYTES - 11)), backend.ready()],
    ["D", "Z cycle"],
  ],
  "a COPY FROM up to where the client has its turn": [
    [backend.notice("a"), backend.copyIn(), backend.commandComplete("COPY 1"), backend.ready()],
    ["NG copy in", "CZ cycle"],
  ],
  "the beginning of a COPY TO, then its data": [
    [
      backend.copyOut(),
      backend.copyData("1"),
      backend.copyDone(),
      backend.commandComplete("COPY 1"),
      backend.ready(),
    ],
    ["H", "dcCZ cycle"],
  ],
};

describe("cutting responses into parts", () => {
  test.each(Object.entries(CASES))("yields %s, however it is split", (_, [messages, expected]) => {
    const stream = Buffer.concat(messages);
    for (const chunks of everySplit(stream)) {
      const { parts, emitted } = cut(chunks);
      expect(told(emitted)).toEqual(expected);
      expect(parts.isAtBoundary).toBe(true);
      expect(Buffer.concat(emitted.map(({ bytes }) => bytes))).toEqual(stream);
    }
  });

  test("yields the same parts of any stream, however it is cut up", () => {
    const streams = Object.values(CASES).map(([messages]) => Buffer.concat(messages));
    const anyStream = fc
      .array(fc.constantFrom(...streams), { minLength: 1, maxLength: 5 })
      .map((several) => Buffer.concat(several));
    const anyChunks = anyStream.chain((stream) => fc.tuple(fc.constant(stream), anySplit(stream)));
    fc.assert(
      fc.property(anyChunks, ([stream, chunks]) =>
        expect(told(cut(chunks).emitted)).toEqual(told(cut([stream]).emitted)),
      ),
    );
  });

  test("hands on whole messages that wait for more, when told to", () => {
    const half = Buffer.concat([backend.parseComplete(), backend.bindComplete(), row]);
    const { parts, emitted } = cut([half.subarray(0, half.length - 3)]);
    expect({ isHolding: parts.isHolding, emitted }).toEqual({ isHolding: true, emitted: [] });
    parts.flush();
    expect(told(emitted)).toEqual(["12"]);
    expect([parts.isHolding, parts.isAtBoundary]).toEqual([false, false]);
    parts.push(Buffer.concat([half.subarray(half.length - 3), backend.ready()]));
    parts.flush();
    expect(told(emitted)).toEqual(["12", "DZ cycle"]);
  });
});
