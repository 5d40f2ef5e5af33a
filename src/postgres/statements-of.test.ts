import { expect, test } from "bun:test";
import { frontend } from "../../tests/fixtures/wire/index.ts";
import { statementsOf } from "./index.ts";

const { parse, bind, execute, describeStatement, closeStatement, sync, query } = frontend;

function texts(parts: readonly Uint8Array[]): readonly string[] {
  return parts.map((part) => {
    let tags = "";
    for (let at = 0; at < part.length; at += 1 + Buffer.from(part).readUInt32BE(at + 1)) {
      tags += String.fromCharCode(part[at] ?? 0);
    }
    return tags;
  });
}

test.each([
  ["one statement", [parse("a"), bind(), execute(), sync()], ["PBES"]],
  ["two statements", [parse("a"), bind(), execute(), parse("b"), bind(), sync()], ["PBE", "PBS"]],
  ["earlier statements first", [bind("", "s"), execute(), parse("b"), sync()], ["BE", "PS"]],
  ["no Parse", [closeStatement("s"), describeStatement("t"), sync()], ["CDS"]],
  ["nothing but Parse", [parse("a"), parse("b"), parse("c")], ["P", "P", "P"]],
  ["a simple query", [query("select 'P'")], ["Q"]],
] as const)("a batch is cut in front of each Parse: %s", (_, messages, expected) => {
  const batch = Buffer.concat(messages);
  const parts = statementsOf(batch);
  expect(texts(parts)).toEqual(expected);
  expect(Buffer.concat(parts)).toEqual(batch);
});

test.each([
  ["a length that is too small", Buffer.from("P\0\0\0\x03abcP\0\0\0\x04")],
  ["a length beyond the end", Buffer.from("P\0\0\x01\0abc")],
  ["half a header", Buffer.from("P\0\0")],
  ["nothing", Buffer.alloc(0)],
])("bytes that are no messages stay together: %s", (_, bytes) => {
  expect(statementsOf(bytes)).toEqual([bytes]);
});
