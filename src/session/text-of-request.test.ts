import { expect, test } from "bun:test";
import { FrontendWriter } from "../postgres/index.ts";
import { textOfRequest } from "./text-of-request.ts";

const BIND = { portal: "p", parameterFormats: [], values: [], resultFormats: [] };
const texts = new Map([["s1", "select 'é'"]]);
const named = (name: string): string | undefined => texts.get(name);

test("a Query and a Parse say what is asked", () => {
  const query = new FrontendWriter().query("select 'é'").take();
  expect(textOfRequest(query, named)).toBe("select 'é'");
  const parse = new FrontendWriter()
    .parse({ name: "s2", text: "select $1", parameterTypes: [] })
    .sync()
    .take();
  expect(textOfRequest(parse, named)).toBe("select $1");
});

test("what runs a prepared statement is asked by its name", () => {
  const bind = new FrontendWriter().bind({ ...BIND, statement: "s1" }).take();
  expect(textOfRequest(bind, named)).toBe("select 'é'");
  const describe = new FrontendWriter().describe({ kind: "statement", name: "s1" }).take();
  expect(textOfRequest(describe, named)).toBe("select 'é'");
});

test("a statement that is not known here has no text, and neither has a message without one", () => {
  const bind = new FrontendWriter().bind({ ...BIND, statement: "s9" }).take();
  expect(textOfRequest(bind, named)).toBeUndefined();
  expect(textOfRequest(new FrontendWriter().sync().take(), named)).toBeUndefined();
  expect(textOfRequest(Uint8Array.of(0x51), named)).toBeUndefined();
});

test("of a message that has come in part there is the beginning", () => {
  const query = new FrontendWriter().query("select 12345").take();
  expect(textOfRequest(query.subarray(0, 12), named)).toBe("select ");
});

test("of a batch that begins a transaction it is what comes then", () => {
  const run = (writer: FrontendWriter, statement: string): FrontendWriter =>
    writer.bind({ ...BIND, statement }).execute({ portal: "", maxRows: 0 });
  const parse = (writer: FrontendWriter, text: string): FrontendWriter =>
    run(writer.parse({ name: "", text, parameterTypes: [] }), "");
  const begun = (text: string): FrontendWriter => parse(new FrontendWriter(), text);
  const all = parse(begun("BEGIN READ ONLY"), "select 2");
  expect(textOfRequest(all.sync().take(), named)).toBe("select 2");
  const prepared = run(begun("start  transaction"), "s1").sync();
  expect(textOfRequest(prepared.take(), named)).toBe("select 'é'");
  const alone = begun("begin").sync();
  expect(textOfRequest(parse(alone, "select 3").take(), named)).toBe("begin");
  expect(textOfRequest(begun("beginning").take(), named)).toBe("beginning");
  const queries = new FrontendWriter().query("begin").query("select 4").take();
  expect(textOfRequest(queries, named)).toBe("begin");
});
