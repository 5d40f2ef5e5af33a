import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anySplit, everySplit, frontend, message } from "../../tests/fixtures/wire/index.ts";
import { RequestUnits } from "./index.ts";
import type { RequestUnit } from "./index.ts";

const { query, parse, bind, execute, sync, flush, copyData, copyDone, copyFail } = frontend;

function cut(chunks: readonly Uint8Array[], maxMessageBytes = 10_000) {
  const emitted: RequestUnit[] = [];
  const units = new RequestUnits(maxMessageBytes, (unit) => emitted.push(unit));
  for (const chunk of chunks) units.push(chunk, true);
  return { emitted, isAtBoundary: units.isAtBoundary };
}

/** The tags of whole messages; throws when there are others. */
function tagsOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  let tags = "";
  for (let at = 0; at < buffer.length; at += 1 + buffer.readInt32BE(at + 1)) {
    tags += String.fromCharCode(buffer.readUInt8(at));
  }
  return tags;
}

/** As text; runs of COPY data, which end with each chunk, are joined. */
function told(units: readonly RequestUnit[]): readonly string[] {
  const lines: string[] = [];
  for (const { kind, bytes } of units) {
    const last = lines.at(-1);
    if (kind === "copy" && last?.startsWith("copy ")) lines.splice(-1, 1, last + tagsOf(bytes));
    else lines.push(`${kind} ${tagsOf(bytes)}`);
  }
  return lines;
}

const CASES: Readonly<Record<string, readonly [readonly Uint8Array[], readonly string[]]>> = {
  "queries, each alone": [
    [query("a"), query("b")],
    ["query Q", "query Q"],
  ],
  "a function call": [[frontend.functionCall(1)], ["query F"]],
  "messages of the login": [
    [frontend.password("a"), frontend.password("b")],
    ["startup p", "startup p"],
  ],
  "a batch up to its Sync": [
    [parse("a"), bind(), frontend.describePortal(), execute(), sync(), sync()],
    ["batch PBDES", "batch S"],
  ],
  "a part of a batch up to its Flush": [
    [parse("a"), flush(), bind(), execute(), frontend.closeStatement(), sync()],
    ["batchPart PH", "batch BECS"],
  ],
  "a Query in the middle of a batch": [
    [parse("a"), query("b"), sync()],
    ["batchPart P", "query Q", "batch S"],
  ],
  "a COPY": [
    [query("copy"), copyData("1"), copyData("2"), copyDone(), query("next")],
    ["query Q", "copy ddc", "query Q"],
  ],
  "a COPY given up": [
    [query("copy"), copyData("1"), copyFail(), query("next")],
    ["query Q", "copy df", "query Q"],
  ],
  "an extended COPY sent as a whole": [
    [parse("copy"), bind(), execute(), copyData("1"), copyDone(), sync()],
    ["batchPart PBE", "copy dc", "batch S"],
  ],
  "an extended COPY given up at once": [
    [parse("copy"), bind(), execute(), copyFail(), sync()],
    ["batchPart PBE", "copy f", "batch S"],
  ],
  "a goodbye behind an open batch": [
    [parse("a"), frontend.terminate()],
    ["batchPart P", "terminate X"],
  ],
};

describe("cutting requests into units", () => {
  test.each(Object.entries(CASES))("yields %s, however it is split", (_, [messages, expected]) => {
    const stream = Buffer.concat(messages);
    for (const chunks of everySplit(stream)) {
      const { emitted, isAtBoundary } = cut(chunks);
      expect(told(emitted)).toEqual(expected);
      expect(isAtBoundary).toBe(true);
      expect(Buffer.concat(emitted.map(({ bytes }) => bytes))).toEqual(stream);
    }
  });

  test("yields the same units for any stream, however it is cut up", () => {
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

  test("holds a batch back until it ends", () => {
    const { emitted, isAtBoundary } = cut([parse("a"), bind()]);
    expect({ emitted, isAtBoundary }).toEqual({ emitted: [], isAtBoundary: false });
  });

  test("hands on a batch above a mebibyte in parts", () => {
    const large = parse("x".repeat(300 * 1024));
    const { emitted } = cut([large, large, large, large, bind(), sync()], 1024 * 1024);
    expect(told(emitted)).toEqual(["batchPart PPP", "batch PBS"]);
  });

  test("hands on a batch in parts no larger than it is told, unless one message is", () => {
    const emitted: RequestUnit[] = [];
    const units = new RequestUnits(10_000, (unit) => emitted.push(unit));
    units.maxBatchBytes = 2 * parse("a").length;
    const large = parse("a".repeat(50));
    const messages = [parse("a"), parse("b"), large, parse("c"), sync(), parse("d"), sync()];
    for (const bytes of messages) units.push(bytes, true);
    expect(told(emitted)).toEqual(["batchPart PP", "batchPart P", "batch PS", "batch PS"]);
  });

  test.each([
    ["an unknown message", message("T"), "ERR_PROTOCOL_VIOLATION"],
    ["a message beyond the limit", query("x".repeat(10_000)), "ERR_MESSAGE_TOO_LARGE"],
    ["a length below 4", Uint8Array.of(0x51, 0, 0, 0, 3), "ERR_PROTOCOL_VIOLATION"],
    ["a negative length", Uint8Array.of(0x51, 255, 255, 255, 255), "ERR_MESSAGE_TOO_LARGE"],
  ] as const)("refuses %s", (_, bytes, code) => {
    for (const chunks of [[bytes], [query("a"), bytes.subarray(0, 3), bytes.subarray(3)]]) {
      expect(() => cut(chunks)).toThrow(expect.objectContaining({ code }));
    }
  });

  test("refuses an unknown message at its header, before its body has come", () => {
    const bytes = message("T", "x".repeat(1_000)).subarray(0, 5);
    expect(() => cut([bytes])).toThrow(expect.objectContaining({ code: "ERR_PROTOCOL_VIOLATION" }));
  });

  test("refuses a long message of a client that is not logged in, at its header", () => {
    const emitted: RequestUnit[] = [];
    const units = new RequestUnits(1024 * 1024, (unit) => emitted.push(unit));
    const fitting = message("p", new Uint8Array(64 * 1024 - 5));
    const tooLong = message("p", new Uint8Array(64 * 1024 - 4));
    units.push(fitting, false);
    expect(() => units.push(tooLong.subarray(0, 5), false)).toThrow(
      expect.objectContaining({ code: "ERR_MESSAGE_TOO_LARGE" }),
    );
    expect(told(emitted)).toEqual(["startup p"]);
  });

  test("takes a long message of a client that is logged in", () => {
    const long = query("x".repeat(100_000));
    expect(told(cut([long.subarray(0, 5), long.subarray(5)], 1024 * 1024).emitted)).toEqual([
      "query Q",
    ]);
  });
});
