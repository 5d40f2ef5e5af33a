import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anyBind, anyParse, anyText, frontend, message } from "../../tests/fixtures/wire/index.ts";
import {
  FrontendWriter,
  readBind,
  readClose,
  readDescribe,
  readParse,
  renameStatement,
  statementName,
} from "./index.ts";

const writer = (): FrontendWriter => new FrontendWriter();
/** A name as {@link statementName} tells it: one character for each byte. */
const asLatin1 = (name: string): string => Buffer.from(name).toString("latin1");

describe("the statement a message names", () => {
  test("is read and replaced in a Parse", () => {
    fc.assert(
      fc.property(anyParse, anyText, (parse, name) => {
        const bytes = writer().parse(parse).take();
        expect(statementName(bytes)).toBe(asLatin1(parse.name));
        const renamed = renameStatement(bytes, Buffer.from(name));
        expect(readParse(renamed)).toEqual({ ...parse, name });
        expect(readParse(bytes)).toEqual(parse);
      }),
    );
  });

  test("is read and replaced in a Bind", () => {
    fc.assert(
      fc.property(anyBind, anyText, (bind, statement) => {
        const bytes = writer().bind(bind).take();
        expect(statementName(bytes)).toBe(asLatin1(bind.statement));
        const renamed = renameStatement(bytes, Buffer.from(statement));
        expect(readBind(renamed)).toEqual({ ...bind, statement });
        expect(readBind(bytes)).toEqual(bind);
      }),
    );
  });

  test("is read and replaced in a Describe and a Close", () => {
    fc.assert(
      fc.property(anyText, anyText, (before, name) => {
        const describe = writer().describe({ kind: "statement", name: before }).take();
        const close = writer().close({ kind: "statement", name: before }).take();
        expect([describe, close].map(statementName)).toEqual([asLatin1(before), asLatin1(before)]);
        const after = { kind: "statement", name } as const;
        expect(readDescribe(renameStatement(describe, Buffer.from(name)))).toEqual(after);
        expect(readClose(renameStatement(close, Buffer.from(name)))).toEqual(after);
      }),
    );
  });

  test("is read from a part of a larger buffer", () => {
    const run = Buffer.concat([
      frontend.sync(),
      frontend.parse("select 1", "one"),
      frontend.sync(),
    ]);
    expect(statementName(run.subarray(5, -5))).toBe("one");
    expect(renameStatement(run.subarray(5, -5), Buffer.from("other"))).toEqual(
      frontend.parse("select 1", "other"),
    );
  });

  test.each([
    ["a Describe of a portal", frontend.describePortal("p")],
    ["a Close of a portal", writer().close({ kind: "portal", name: "p" }).take()],
    ["an Execute", frontend.execute(0, "p")],
    ["a Sync", frontend.sync()],
    ["a Describe of neither", message("D", Uint8Array.of(0x58), "p")],
    ["an empty Describe", message("D")],
  ] as const)("is none in %s, which stays as it is", (_, bytes) => {
    expect(statementName(bytes)).toBeUndefined();
    expect(renameStatement(bytes, Buffer.from("name"))).toBe(bytes);
  });

  test("is another one when only bytes that are no UTF-8 differ", () => {
    const named = (byte: number): Uint8Array =>
      message("P", Uint8Array.of(byte, 0), "select 1", Uint8Array.of(0, 0));
    expect(statementName(named(0xe8))).not.toBe(statementName(named(0xe9)));
  });

  test.each([
    ["Parse", message("P", Buffer.from("name"))],
    ["Bind without an end of its portal", message("B", Buffer.from("portal"))],
    ["Bind", message("B", "portal", Buffer.from("name"))],
    ["Describe", message("D", Buffer.from("Sname"))],
    ["Close", message("C", Buffer.from("Sname"))],
  ] as const)("is refused without its end: %s", (_, bytes) => {
    const refusal = expect.objectContaining({ code: "ERR_PROTOCOL_VIOLATION" });
    expect(() => statementName(bytes)).toThrow(refusal);
    expect(() => renameStatement(bytes, Buffer.from("new"))).toThrow(refusal);
  });
});
