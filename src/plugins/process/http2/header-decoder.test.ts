import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { headerBlock } from "./header-block.ts";
import { HeaderDecoder } from "./header-decoder.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const decoded = (decoder: HeaderDecoder, block: Buffer) =>
  Object.fromEntries(decoder.decode(block));

describe("a block of headers", () => {
  test("is read as RFC 7541 writes it, with fields that are remembered and forgotten", () => {
    const decoder = new HeaderDecoder();
    // Its appendix C.6, whose table has 256 bytes.
    const first = hex(
      `3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504
      0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`.replace(/\s/g, ""),
    );
    const fields = {
      ":status": "302",
      "cache-control": "private",
      date: "Mon, 21 Oct 2013 20:13:21 GMT",
      location: "https://www.example.com",
    };
    expect(decoded(decoder, first)).toEqual(fields);
    const second = hex("4883 640e ffc1 c0bf");
    expect(decoded(decoder, second)).toEqual({ ...fields, ":status": "307" });
    const third = hex(
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a
      839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
      9587 3160 65c0 03ed 4ee5 b106 3d50 07`.replace(/\s/g, ""),
    );
    expect(decoded(decoder, third)).toEqual({
      ...fields,
      ":status": "200",
      date: "Mon, 21 Oct 2013 20:13:22 GMT",
      "content-encoding": "gzip",
      "set-cookie": "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    });
    // The field that was remembered first has made room for others.
    expect(() => decoder.decode(hex("c2"))).toThrow("there is no header field 66");
  });

  test("is read back as it was written", () => {
    const text = fc.string({
      unit: fc.integer({ min: 1, max: 255 }).map((n) => String.fromCharCode(n)),
      maxLength: 300,
    });
    const name = fc.string({ unit: fc.constantFrom("a", "bc", "-", ":", "_"), minLength: 1 });
    fc.assert(
      fc.property(fc.dictionary(name, text), (fields) => {
        expect(decoded(new HeaderDecoder(), headerBlock(fields))).toEqual({ ...fields });
      }),
    );
  });

  test("may have fields that are never remembered, and texts of every length", () => {
    const decoder = new HeaderDecoder();
    expect(decoded(decoder, hex("10 01 61 01 62"))).toEqual({ a: "b" });
    expect(() => decoder.decode(hex("be"))).toThrow("there is no header field 62");
  });

  test.each([
    ["80", "there is no header field 0"],
    ["ff8000", "there is no header field 127"],
    ["00 05 61", "the headers end too early"],
    ["00", "the headers end too early"],
    ["ffffffffff7f", "a number of the headers is too large"],
    ["3fe2ff7f", "the header table is too large"],
    ["00 81 ff 00", "a text ends within a character"],
    ["00 82 1f 00 00", "a text ends within a character"],
    ["00 85 ffffffff ff 00", "a text has an end inside it"],
  ])("of %s is refused: %s", (block, reason) => {
    expect(() => new HeaderDecoder().decode(hex(block))).toThrow(reason);
  });

  test("of chance is read or refused, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          new HeaderDecoder().decode(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
