import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anySplit, everySplit, message } from "../../tests/fixtures/wire/index.ts";
import { FrameCursor } from "./frame-cursor.ts";

/** Remembers all that it is told, and asks for the bodies of messages with a lower-case tag. */
class RecordingCursor extends FrameCursor {
  readonly seen: string[] = [];
  #body = "";

  protected override messageBegan(tag: number, bodyLength: number): boolean {
    const name = String.fromCharCode(tag);
    this.seen.push(`${name} ${bodyLength}`);
    this.#body = "";
    return name === name.toLowerCase();
  }

  protected override messageBody(chunk: Uint8Array, from: number, to: number): void {
    this.#body += Buffer.from(chunk.subarray(from, to)).toString();
  }

  protected override messageEnded(tag: number): void {
    this.seen.push(`${String.fromCharCode(tag)} = ${this.#body}`);
  }
}

const bytesOf = (content: string): Uint8Array => Buffer.from(content);

const STREAM = Buffer.concat([
  message("S"),
  message("s"),
  message("Q", bytesOf("hello")),
  message("q", bytesOf("hello again")),
  message("z", bytesOf("I")),
  message("D", bytesOf("x".repeat(300))),
  message("d", bytesOf("y".repeat(20))),
  message("H"),
]);

const SEEN = [
  "S 0",
  "s 0",
  "s = ",
  "Q 5",
  "q 11",
  "q = hello again",
  "z 1",
  "z = I",
  "D 300",
  "d 20",
  `d = ${"y".repeat(20)}`,
  "H 0",
];

function follow(chunks: readonly Uint8Array[], maxMessageBytes = 1000): RecordingCursor {
  const cursor = new RecordingCursor(maxMessageBytes);
  for (const chunk of chunks) cursor.advance(chunk);
  return cursor;
}

describe("a cursor over frames", () => {
  test("sees the same messages and bodies wherever the stream is split", () => {
    for (const chunks of everySplit(STREAM)) {
      const cursor = follow(chunks);
      expect(cursor.seen).toEqual(SEEN);
      expect(cursor.isAtBoundary).toBe(true);
    }
  });

  test("sees the same messages and bodies however the stream is cut up", () => {
    fc.assert(fc.property(anySplit(STREAM), (chunks) => expect(follow(chunks).seen).toEqual(SEEN)));
  });

  test("is at a boundary between two messages and nowhere else", () => {
    const ends = new Set<number>([0]);
    for (let at = 0; at < STREAM.length;) ends.add((at += 1 + STREAM.readInt32BE(at + 1)));
    for (let at = 0; at <= STREAM.length; at++) {
      expect([at, follow([STREAM.subarray(0, at)]).isAtBoundary]).toEqual([at, ends.has(at)]);
    }
  });

  const header = (length: number): Buffer => {
    const bytes = Buffer.from("Q....");
    bytes.writeInt32BE(length, 1);
    return bytes;
  };

  test.each([
    ["0 bytes", 0, "ERR_PROTOCOL_VIOLATION"],
    ["3 bytes, less than the length itself", 3, "ERR_PROTOCOL_VIOLATION"],
    ["a byte more than is allowed", 1000, "ERR_MESSAGE_TOO_LARGE"],
    ["2 GiB", 0x7fff_ffff, "ERR_MESSAGE_TOO_LARGE"],
    ["a negative number of bytes", -1, "ERR_MESSAGE_TOO_LARGE"],
    ["the most negative number of bytes", -(2 ** 31), "ERR_MESSAGE_TOO_LARGE"],
  ] as const)("refuses a message that announces %s, split or not", (_, length, code) => {
    for (const chunks of everySplit(Buffer.concat([message("S"), header(length)]))) {
      expect(() => follow(chunks)).toThrow(expect.objectContaining({ code }));
    }
  });

  test("accepts a message of exactly the allowed size, header included", () => {
    const bytes = message("Q", new Uint8Array(995));
    for (const chunks of [[bytes], [bytes.subarray(0, 3), bytes.subarray(3)]]) {
      expect(follow(chunks).seen).toEqual(["Q 995"]);
    }
  });

  test("names the message and both sizes in the error", () => {
    expect(() => follow([header(2000)])).toThrow(
      'message "Q" announces 2000 bytes, more than 1000',
    );
  });
});
