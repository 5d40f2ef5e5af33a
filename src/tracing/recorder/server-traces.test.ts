import { expect, test } from "bun:test";
import { ToldTracer } from "../../../tests/fixtures/told-tracer.ts";
import { ServerTraces } from "./server-traces.ts";
import type { EndTelling } from "./server-traces.ts";

function begin() {
  const tracer = new ToldTracer();
  const connection: EndTelling = { remoteAddress: "127.0.0.1:5432" };
  return { tracer, connection, traces: new ServerTraces(tracer, "default", "writes") };
}

test("a connection is a span to its end, with its beginning and its pings inside", async () => {
  const { tracer, connection, traces } = begin();
  await traces.opening(async () => ({ connection }));
  await traces.pinging(connection, async () => {});
  expect(tracer.story).toEqual([
    "server connection",
    "server connection/connect to the server, end",
    "server connection/health check, end",
  ]);
  connection.onceClosed?.(undefined);
  expect(tracer.story[0]).toBe("server connection, end");
});

test("what fails is told, and still fails", async () => {
  const { tracer, connection, traces } = begin();
  const refusing = traces.opening(async () => Promise.reject(new Error("refused")));
  await expect(refusing).rejects.toThrow("refused");
  expect(tracer.story).toEqual([
    "server connection, refused, end",
    "server connection/connect to the server, refused, end",
  ]);
  await traces.opening(async () => ({ connection }));
  const silent = traces.pinging(connection, async () => Promise.reject(new Error("silence")));
  await expect(silent).rejects.toThrow("silence");
  connection.onceClosed?.(new Error("reset"));
  expect(tracer.story.slice(2)).toEqual([
    "server connection, reset, end",
    "server connection/connect to the server, end",
    "server connection/health check, silence, end",
  ]);
});

test("a connection that is not recorded is opened and asked all the same", async () => {
  const tracer = new ToldTracer();
  tracer.isLucky = false;
  const traces = new ServerTraces(tracer, "default", "writes");
  const connection: EndTelling = { remoteAddress: "127.0.0.1:5432" };
  expect(await traces.opening(async () => ({ connection }))).toEqual({ connection });
  let pings = 0;
  await traces.pinging(connection, async () => void pings++);
  expect(pings).toBe(1);
});
