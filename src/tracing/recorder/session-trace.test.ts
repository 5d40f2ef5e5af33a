import { expect, test } from "bun:test";
import { ToldTracer } from "../../../tests/fixtures/told-tracer.ts";
import type { WatchedSession, WatchedUnit } from "../../watch/index.ts";
import { SessionTrace } from "./session-trace.ts";

const client = { remoteAddress: "10.0.0.1:5000" };
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

function message(tag: string, body = ""): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(tag + "\0\0\0\0" + body, "latin1");
  bytes.writeUInt32BE(4 + body.length, 1);
  return bytes;
}
const query = (sql: string): Buffer => message("Q", `${sql}\0`);
const parse = (sql: string): Buffer => message("P", `\0${sql}\0\0\0`);
const SYNC = message("S");

/** Only what a trace looks at. */
const unitOf = (request?: Buffer): WatchedUnit =>
  ({ request }) as Partial<WatchedUnit> as WatchedUnit;

function traced(known: Partial<WatchedSession> = {}) {
  const session = {
    id: "7",
    user: undefined as string | undefined,
    database: undefined,
    applicationName: undefined,
    block: "writes",
    ...known,
  };
  const tracer = new ToldTracer();
  let nowMs = 1_000;
  const trace = new SessionTrace(
    { tracer, nowMs: () => nowMs++, group: "default" },
    session,
    client,
  );
  return { session, tracer, trace };
}

test("what comes before the startup is told when it is known where it belongs", () => {
  const { session, tracer, trace } = traced();
  const early = trace.early("OnOpening", "plugin");
  expect(early).toBeDefined();
  trace.waited(5, undefined);
  expect(tracer.story).toEqual([]);
  session.user = "someone";
  trace.loggedIn(3);
  expect(tracer.story).toEqual([
    "connection",
    "connection/OnOpening, end",
    "connection/wait for a backend, end",
    "connection/login, end",
  ]);
  expect(trace.early("OnTraffic", "plugin")).toBeUndefined();
});

test("a connection that never says who it is leaves no trace, a refused one does", () => {
  const silent = traced();
  silent.trace.early("OnOpening", "plugin");
  silent.trace.closed();
  expect(silent.tracer.story).toEqual([]);
  const refused = traced();
  refused.trace.fail("ERR_TOO_MANY_CLIENTS");
  refused.trace.closed();
  expect(refused.tracer.story).toEqual(["connection, ERR_TOO_MANY_CLIENTS, end"]);
});

test("a unit is a part of what its comment names, else of what the startup names, else linked", () => {
  const alone = traced({ user: "u" });
  alone.trace.loggedIn(0);
  alone.trace.unitBegan(unitOf(query("SELECT 1")));
  alone.trace.unitBegan(unitOf(query(`SELECT 1 /*traceparent='${PARENT}'*/`)));
  expect(alone.tracer.story.slice(2)).toEqual([
    "query, linked to span0",
    `${TRACE}/query, linked to span0`,
  ]);
  const startupTrace = { traceparent: PARENT, tracestate: undefined };
  const within = traced({ user: "u", startupTrace });
  within.trace.loggedIn(0);
  within.trace.unitBegan(unitOf(query("SELECT 1")));
  expect(within.tracer.story[0]).toBe(`${TRACE}/connection`);
  expect(within.tracer.story[2]).toBe(`${TRACE}/connection/query`);
  expect(within.trace.traceId).toBe("t".repeat(32));
});

test("of a unit that is not recorded nothing is made, and its client's trace stays what it is", () => {
  const { tracer, trace } = traced({ user: "u" });
  trace.loggedIn(0);
  tracer.isLucky = false;
  const before = tracer.spans.length;
  const unrecorded = trace.unitBegan(unitOf(query("SELECT 1")));
  expect([unrecorded.span, unrecorded.context]).toEqual([undefined, undefined]);
  expect(trace.unitEnded()).toBeUndefined();
  const sampled = trace.unitBegan(unitOf(query(`SELECT 1 /*traceparent='${PARENT}'*/`)));
  expect(sampled.span).toBe(tracer.spans.at(-1));
  expect(trace.unitEnded()).toBe(tracer.spans.at(-1));
  const unsampled = PARENT.replace(/01$/, "00");
  const left = trace.unitBegan(unitOf(query(`SELECT 1 /*traceparent='${unsampled}'*/`)));
  expect(left.span).toBeUndefined();
  expect(left.context?.traceId).toBe(TRACE);
  expect(tracer.spans).toHaveLength(before + 1);
});

test("a unit that handlers are asked about begins there, once for all its parts", () => {
  const { tracer, trace } = traced({ user: "u" });
  trace.loggedIn(0);
  for (const part of [parse("SELECT 1"), message("D", "P\0"), SYNC]) trace.announce(part);
  trace.announce(query("SELECT 2"));
  const [first, second] = tracer.spans.slice(2);
  expect(tracer.spans).toHaveLength(4);
  expect(trace.contextOf("OnTrafficFromClient")).toBe(second?.context);
  expect(trace.unitBegan(unitOf()).span).toBe(first);
  expect(trace.contextOf("OnTrafficFromServer")).toBe(first?.context);
  expect(trace.unitEnded()).toBe(first);
  expect(trace.contextOf("OnTrafficToClient")).toBe(first?.context);
  expect(trace.unitBegan(unitOf()).span).toBe(second);
});

test("logins, COPY data and goodbyes are no units", () => {
  const { tracer, trace } = traced({ user: "u" });
  trace.loggedIn(0);
  for (const tag of "pdcfXH") trace.announce(message(tag, "x"));
  trace.announce(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  expect(tracer.spans).toHaveLength(2);
  expect(trace.contextOf("OnTrafficFromClient")).toBe(tracer.spans[0]?.context);
});

test("a request that a handler ends is told so, and is no unit to come", () => {
  const { tracer, trace } = traced({ user: "u" });
  trace.loggedIn(0);
  trace.announce(query("SELECT 1"));
  trace.terminated();
  trace.announce(query("SELECT 2"));
  const [ended, next] = tracer.spans.slice(2);
  expect(ended?.told.slice(1)).toEqual(["terminated by a plugin", "end"]);
  expect(trace.unitBegan(unitOf()).span).toBe(next);
  trace.terminated();
  expect(next?.told.slice(1)).toEqual(["terminated"]);
});

test("what is still asked about when the client goes is cut off", () => {
  const { tracer, trace } = traced({ user: "u" });
  trace.loggedIn(0);
  trace.announce(query("SELECT 1"));
  trace.closed();
  expect(tracer.story.slice(2)).toEqual(["query, linked to span0, cut off, end"]);
  expect(tracer.story[0]).toBe("connection, end");
});

test("waiting is a part of the unit that waits", () => {
  const { tracer, trace } = traced({ user: "u" });
  trace.loggedIn(0);
  trace.unitBegan(unitOf(query("SELECT 1")));
  trace.waited(0, undefined);
  trace.waited(20, "ERR_POOL_EXHAUSTED");
  trace.event("pinned", {});
  expect(tracer.story.slice(2)).toEqual([
    "query, linked to span0, pinned",
    "query/wait for a backend, ERR_POOL_EXHAUSTED, end",
  ]);
});
