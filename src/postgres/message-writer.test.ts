import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anyText, frontend } from "../../tests/fixtures/wire/index.ts";
import {
  BackendWriter,
  FrontendWriter,
  readBackendKeyData,
  readBind,
  readDataRow,
  readQuery,
} from "./index.ts";

const bind = {
  portal: "",
  statement: "",
  parameterFormats: [],
  values: [],
  resultFormats: [],
};

describe("a writer of messages", () => {
  test("puts one behind the other", () => {
    const writer = new FrontendWriter();
    writer.parse({ name: "a", text: "select 1", parameterTypes: [] }).bind(bind).sync();
    const expected = Buffer.concat([
      frontend.parse("select 1", "a"),
      frontend.bind(),
      frontend.sync(),
    ]);
    expect(writer.bytes).toEqual(expected);
    expect(writer.take()).toEqual(expected);
    expect(writer.take()).toHaveLength(0);
  });

  test("leaves alone what was taken", () => {
    fc.assert(
      fc.property(fc.array(anyText), (texts) => {
        const writer = new FrontendWriter();
        const taken = texts.map((text) => writer.query(text).take());
        writer.query("more").clear();
        writer.query("and more");
        expect(taken.map(readQuery)).toEqual(texts);
      }),
    );
  });

  test("moves a message that outgrows its buffer, also behind those that were taken", () => {
    for (let length = 0; length < 600; length++) {
      const text = "x".repeat(length);
      const writer = new BackendWriter().commandComplete(text);
      writer.take();
      const rows = writer.parseComplete().dataRow([text, null, text]).take();
      expect(readDataRow(rows.subarray(5))).toEqual([Buffer.from(text), null, Buffer.from(text)]);
    }
  });

  test("writes over what was cleared, in the same place", () => {
    const writer = new FrontendWriter();
    const { buffer, byteOffset } = writer.sync().bytes;
    for (let round = 0; round < 1000; round++) {
      writer.clear();
      expect(writer.bytes).toHaveLength(0);
      writer.query("select 1");
    }
    expect(writer.bytes).toEqual(frontend.query("select 1"));
    expect(writer.bytes.buffer).toBe(buffer);
    expect(writer.bytes.byteOffset).toBe(byteOffset);
  });

  test("keeps no large buffer", () => {
    const writer = new FrontendWriter();
    writer.query("x".repeat(1024 * 1024)).clear();
    expect(writer.sync().bytes.buffer.byteLength).toBeLessThan(64 * 1024);
  });

  test("grows by less than twice what a large message needs", () => {
    const value = Buffer.alloc(8 * 1024 * 1024);
    const bytes = new FrontendWriter().bind({ ...bind, values: [value] }).take();
    expect(readBind(bytes).values).toEqual([value]);
    expect(bytes.buffer.byteLength).toBeLessThan(2 * value.length);
  });

  test("encodes halves of a pair as the replacement character", () => {
    const text = "a\ud800b\udc00";
    expect(readQuery(new FrontendWriter().query(text).take())).toBe("a\u{fffd}b\u{fffd}");
    const [value] = readDataRow(new BackendWriter().dataRow([text]).take());
    expect(Buffer.from(value ?? []).toString()).toBe("a\u{fffd}b\u{fffd}");
  });

  test("refuses a text with a zero byte, and leaves nothing of its message", () => {
    const writer = new FrontendWriter().sync();
    expect(() => writer.parse({ name: "a", text: "b\0c", parameterTypes: [] })).toThrow(
      expect.objectContaining({ code: "ERR_PROTOCOL_VIOLATION" }),
    );
    expect(writer.bytes).toEqual(frontend.sync());
    expect(writer.flush().take()).toEqual(Buffer.concat([frontend.sync(), frontend.flush()]));
  });

  test("refuses more values than the format can count, and takes as many as it can", () => {
    const row = (length: number): Uint8Array =>
      new BackendWriter().dataRow(Array.from({ length }, () => "x")).take();
    expect(readDataRow(row(65_535))).toHaveLength(65_535);
    expect(() => row(65_536)).toThrow(expect.objectContaining({ code: "ERR_MESSAGE_TOO_LARGE" }));
  });

  test.each([0, 3, 257])("writes a secret of %d bytes that no reader takes", (length) => {
    const secretKey = new Uint8Array(length);
    const bytes = new BackendWriter().backendKeyData({ processId: 1, secretKey }).take();
    expect(() => readBackendKeyData(bytes)).toThrow("BackendKeyData: malformed secret key");
  });
});
