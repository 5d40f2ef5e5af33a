import { expect, test } from "bun:test";
import fc from "fast-check";
import { requestContext } from "./request-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;

function message(tag: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(body));
  bytes.write(tag, 0);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  bytes.write(body, 5);
  return bytes;
}
const query = (sql: string): Buffer => message("Q", `${sql}\0`);
const parse = (sql: string): Buffer => message("P", `name\0${sql}\0\0\0`);

test("the comment of a Query is found, wherever it stands", () => {
  const expected = { traceId: TRACE, spanId: SPAN, isSampled: true };
  for (const sql of [
    `SELECT 1 /*traceparent='${PARENT}'*/`,
    `SELECT 1 /*action='%2Fparam*d',framework='spring',traceparent='${PARENT}'*/;`,
    `/* traceparent='${PARENT}' */ SELECT 1`,
    `/*traceparent='${PARENT}'*/`,
    `/* note */ SELECT 1 /*traceparent = '${PARENT}'*/`,
  ]) {
    expect(requestContext(query(sql))).toEqual(expected);
  }
});

test("the state goes along, decoded", () => {
  const state = "congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7";
  const sql = `SELECT 1 /*traceparent='${PARENT}',tracestate='${state}'*/`;
  expect(requestContext(query(sql))?.traceState).toBe("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
});

test("the last comment counts, and the first text of a batch", () => {
  const other = PARENT.replaceAll("4bf9", "5555");
  const sql = `SELECT 1 /*traceparent='${other}'*/ /*traceparent='${PARENT}'*/`;
  expect(requestContext(query(sql))?.traceId).toBe(TRACE);
  const batch = Buffer.concat([
    message("C", "Sname\0"),
    parse(`SELECT $1 /*traceparent='${PARENT}'*/`),
    parse(`SELECT $1 /*traceparent='${other}'*/`),
    message("S", ""),
  ]);
  expect(requestContext(batch)?.traceId).toBe(TRACE);
});

test.each([
  ["no comment", query("SELECT 1")],
  ["a comment without it", query("SELECT 1 /*route='/'*/")],
  ["one that does not end", query(`SELECT 1 /*traceparent='${PARENT}'`)],
  ["a text outside of comments", query(`SELECT 'traceparent=' , /* x */ '${PARENT}'`)],
  ["one that is no context", query("SELECT 1 /*traceparent='00-1-2-01'*/")],
  ["one of endless length", query(`SELECT 1 /*traceparent='${PARENT}',a='${"x".repeat(9000)}'*/`)],
  ["a value that is bound", message("B", `\0\0/*traceparent='${PARENT}'*/`)],
  ["less than a message", Buffer.from("Q")],
  ["a length of nothing", Buffer.from([0x42, 0, 0, 0, 0, 0x51, 0, 0, 0, 4])],
])("%s has none", (_, bytes) => {
  expect(requestContext(bytes)).toBeUndefined();
});

test("whatever clients send is no error", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void requestContext(bytes)));
  const pieces = fc.constantFrom("/*", "*/", "traceparent=", "'", PARENT, "%", ",", "\\", " ");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), (all) => {
      const found = requestContext(query(all.join("")));
      if (found !== undefined) expect(found.traceId).toBe(TRACE);
    }),
  );
});
