import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeStruct } from "./decode-struct.ts";
import { encodeStruct } from "./encode-struct.ts";
import { type Struct, StructSchema, type Value, ValueSchema } from "./gen/plugin/v1/struct_pb.ts";

const CAPTURE = join(import.meta.dir, "../../tests/fixtures/gatewayd-0.10.3/hooks.jsonl");

/** The values of a message, by the generated code: what decodeStruct must agree with. */
function valuesOf(struct: Struct): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(struct.fields).map(([key, value]) => [key, plain(value)]),
  );
}

function plain({ kind }: Value): unknown {
  switch (kind.case) {
    case "structValue":
      return valuesOf(kind.value);
    case "listValue":
      return kind.value.values.map(plain);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}

/** Values of any shape, and the message that has them. */
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 200 }), tie("value"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
})).value;
const payloads = fc.dictionary(fc.string(), values, { noNullPrototype: true });

/** Bytes of whatever class as one that compares by content; -0 as 0 stays told apart. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [`key ${key}`, comparable(entry)]),
  );
}

describe("encodeStruct()", () => {
  test("writes what the generated code reads as the same values", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        const struct = fromBinary(StructSchema, encodeStruct(payload));
        expect(comparable(valuesOf(struct))).toEqual(comparable(payload));
      }),
    );
  });

  test("leaves room in front, and grows beyond any guess", () => {
    const payload = { list: Array.from({ length: 500 }, (_, index) => `item ${index}`.repeat(20)) };
    const encoded = encodeStruct(payload, 5);
    expect(decodeStruct(encoded.subarray(5))).toEqual(payload);
  });

  test("leaves out what is undefined", () => {
    expect(decodeStruct(encodeStruct({ a: undefined, b: 1n }))).toEqual({ b: 1 });
  });

  test("refuses what no message can hold", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(() => encodeStruct(circle)).toThrow("nested too deep");
    expect(() => encodeStruct({ run: () => 1 })).toThrow("a function cannot be sent to a plugin");
    expect(decodeStruct(encodeStruct({ after: "a failure" }))).toEqual({ after: "a failure" });
  });
});

describe("decodeStruct()", () => {
  test("reads what the generated code writes as the same values", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        // Through the generated code once, so that it is its own bytes that are read.
        const bytes = toBinary(StructSchema, fromBinary(StructSchema, encodeStruct(payload)));
        expect(comparable(decodeStruct(Buffer.from(bytes)))).toEqual(comparable(payload));
      }),
    );
  });

  test("reads every payload that the original sent, which is then encoded to the same message", async () => {
    const lines = (await readFile(CAPTURE, "utf8")).trim().split("\n");
    expect(lines.length).toBeGreaterThan(20);
    for (const line of lines) {
      const call: { struct: string } = JSON.parse(line);
      const sent = Buffer.from(call.struct, "base64");
      const decoded = decodeStruct(sent);
      expect(comparable(decoded)).toEqual(comparable(valuesOf(fromBinary(StructSchema, sent))));
      expect(fromBinary(StructSchema, encodeStruct(decoded))).toEqual(
        fromBinary(StructSchema, sent),
      );
    }
  });

  test("skips fields that it does not know", () => {
    const value = Buffer.from(
      toBinary(ValueSchema, create(ValueSchema, { kind: { case: "stringValue", value: "x" } })),
    );
    // Field 15 of each wire type that may be skipped, then bytes_value where none is expected.
    const unknown = Buffer.from("78057901020304050607087a01617d010203043a0162", "hex");
    const inner = Buffer.concat([Buffer.from([0x0a, 1, 0x6b, 0x12, value.length]), value, unknown]);
    const outer = Buffer.concat([unknown, Buffer.from([0x0a, inner.length]), inner, unknown]);
    expect(decodeStruct(outer)).toEqual({ k: "x" });
  });

  test("lets a key named __proto__ be a key", () => {
    const decoded = decodeStruct(encodeStruct({ ["__proto__"]: { polluted: true } }));
    expect(Object.keys(decoded)).toEqual(["__proto__"]);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test("refuses bytes that are cut off anywhere, and never reads beyond them", () => {
    const whole = encodeStruct({ text: "abc", bytes: Buffer.from("def"), list: [1, { a: true }] });
    for (let length = 1; length < whole.length; length += 1) {
      const cut = whole.subarray(0, length);
      let isRefused = false;
      try {
        decodeStruct(cut);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        isRefused = true;
      }
      // Between two fields there is nothing to notice.
      if (!isRefused) expect(() => fromBinary(StructSchema, cut)).not.toThrow();
    }
  });

  test("refuses nesting without end", () => {
    let bytes = Buffer.alloc(0);
    for (let depth = 0; depth < 150; depth += 1) {
      const value = Buffer.concat([Buffer.from([0x2a]), varint(bytes.length), bytes]);
      const entry = Buffer.concat([Buffer.from([0x12]), varint(value.length), value]);
      bytes = Buffer.concat([Buffer.from([0x0a]), varint(entry.length), entry]);
    }
    expect(() => decodeStruct(bytes)).toThrow("nested too deep");
  });
});

function varint(value: number): Buffer {
  return value < 0x80 ? Buffer.from([value]) : Buffer.from([(value & 0x7f) | 0x80, value >> 7]);
}
