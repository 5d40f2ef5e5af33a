import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { FrontendWriter } from "../../src/postgres/index.ts";
import {
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  residentMiB,
  startGatewayd,
  startPostgres,
  startupPacket,
  waitFor,
} from "../kit/index.ts";

/** What a test moves, and what the gateway may grow by meanwhile. */
const MOVED_MIB = 256;
const MAX_GROWTH_MIB = 64;
const MIB = 1024 * 1024;

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", size: 1 },
      server: { auth: { method: "trust" } },
    }),
  });
  await postgres.query("create table copied (x text)");
}, 60_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** A client that reads as fast or slow as it is told, and keeps the end of what it has read. */
async function start() {
  const socket = connect({ host: gatewayd.host, port: gatewayd.port });
  const seen = { bytes: 0, tail: Buffer.alloc(0), peakMiB: 0 };
  const beforeMiB = residentMiB(gatewayd.process.pid);
  socket.on("data", (bytes: Buffer) => {
    seen.bytes += bytes.length;
    seen.tail = Buffer.concat([seen.tail, bytes]).subarray(-64);
    measure();
  });
  const measure = () => {
    seen.peakMiB = Math.max(seen.peakMiB, residentMiB(gatewayd.process.pid) - beforeMiB);
  };
  /** Waits for a ReadyForQuery at the end of what has come so far. */
  const ready = async () =>
    await waitFor("ReadyForQuery", () => seen.tail.subarray(-6).equals(READY), {
      deadlineMs: 60_000,
    });
  socket.write(startupPacket({ user: "postgres", database: "postgres" }));
  await ready();
  return {
    socket,
    seen,
    ready,
    /** Writes, and waits until the other side has taken most of it. */
    async write(bytes: Uint8Array): Promise<void> {
      seen.tail = Buffer.alloc(0);
      if (!socket.write(bytes)) await new Promise((resolve) => socket.once("drain", resolve));
      measure();
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await Promise.resolve();
    },
  };
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const chunk = Buffer.alloc(MIB, "x");
const sync = new FrontendWriter().sync().take();
const execute = new FrontendWriter().execute({ portal: "", maxRows: 0 }).take();

function parse(name: string, text: string): Uint8Array {
  return new FrontendWriter().parse({ name, text, parameterTypes: [] }).take();
}

/** The beginning of a Bind whose one value follows, and what comes behind that. */
function bindOf(statement: string, valueBytes: number): readonly [Buffer, Buffer] {
  const names = Buffer.from(`\0${statement}\0\0\0\0\x01`, "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(valueBytes);
  const head = Buffer.concat([Buffer.from("B\0\0\0\0", "latin1"), names, length]);
  const tail = Buffer.alloc(2);
  head.writeUInt32BE(head.length - 1 + valueBytes + tail.length, 1);
  return [head, tail];
}

test("a large value of a named statement is passed on as it comes", async () => {
  await using client = await start();
  await client.write(Buffer.concat([parse("long", "select length($1)"), sync]));
  await client.ready();
  const [head, tail] = bindOf("long", MOVED_MIB * MIB);
  await client.write(head);
  for (let sent = 0; sent < MOVED_MIB; sent++) await client.write(chunk);
  await client.write(Buffer.concat([tail, execute, sync]));
  await client.ready();
  expect(client.seen.tail.toString("latin1")).toContain(String(MOVED_MIB * MIB));
  expect(client.seen.peakMiB).toBeLessThan(MAX_GROWTH_MIB);
});

test("COPY within a batch is passed on as it comes", async () => {
  await using client = await start();
  await client.write(Buffer.concat([parse("in", "copy copied from stdin"), sync]));
  await client.ready();
  const bind = new FrontendWriter()
    .bind({ portal: "", statement: "in", parameterFormats: [], values: [], resultFormats: [] })
    .take();
  await client.write(Buffer.concat([bind, execute]));
  const line = frontendMessage("d", Buffer.concat([chunk, Buffer.from("\n")]));
  for (let sent = 0; sent < MOVED_MIB / 4; sent++) await client.write(line);
  await client.write(Buffer.concat([frontendMessage("c", ""), sync]));
  await client.ready();
  expect(client.seen.tail.toString("latin1")).toContain(`COPY ${MOVED_MIB / 4}`);
  expect(client.seen.peakMiB).toBeLessThan(MAX_GROWTH_MIB);
});

test("a client that stops to read a large result makes the server wait", async () => {
  await using client = await start();
  const { pid } = gatewayd.process;
  await client.write(
    Buffer.concat([
      parse("out", `select repeat('x', ${MIB}) from generate_series(1, ${MOVED_MIB})`),
      sync,
    ]),
  );
  await client.ready();
  const beforeMiB = residentMiB(pid);
  client.socket.pause();
  const bind = new FrontendWriter()
    .bind({ portal: "", statement: "out", parameterFormats: [], values: [], resultFormats: [] })
    .take();
  client.seen.bytes = 0;
  await client.write(Buffer.concat([bind, execute, sync]));
  await waitFor(
    "the server to wait for its client",
    async () =>
      await postgres.query("select 1 from pg_stat_activity where wait_event = 'ClientWrite'"),
    { until: (rows) => rows.length === 1 },
  );
  expect(residentMiB(pid) - beforeMiB).toBeLessThan(MAX_GROWTH_MIB);
  client.socket.resume();
  await client.ready();
  expect(client.seen.bytes).toBeGreaterThan(MOVED_MIB * MIB);
  expect(client.seen.peakMiB).toBeLessThan(MAX_GROWTH_MIB);
});
