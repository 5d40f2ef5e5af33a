import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serialize } from "pg-protocol";
import {
  cancelRequest,
  connectWire,
  expectSameDescriptors,
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptorsAtRest,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  runToEnd,
  startProcess,
  testNeeding,
  testWhere,
  waitFor,
  type WireClient,
  type WireTarget,
} from "../kit/index.ts";

const LOGICAL = { user: "postgres", database: "postgres", replication: "database" };
const PHYSICAL = { user: "postgres", database: "replication", replication: "true" };
const WAL_SENDERS = 4;

/** pg_receivewal refuses servers that are newer than itself. */
const SERVER_VERSION = 18;

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({
    settings: { wal_level: "logical", max_wal_senders: WAL_SENDERS, max_replication_slots: 10 },
  });
  await postgres.query(
    "create table watched (x int); create publication watching for table watched",
  );
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function startIn(
  mode: "session" | "transaction",
  server: Readonly<Record<string, unknown>> = {},
): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode, size: 1 },
      server: { auth: { method: "trust" }, ...server },
    }),
  });
}

async function connected(
  target: WireTarget,
  parameters: Readonly<Record<string, string>> = LOGICAL,
): Promise<WireClient> {
  const client = await connectWire(target);
  await client.login(parameters);
  return client;
}

/** 0 if it is not installed. */
function majorVersionOf(program: string): number {
  if (Bun.which(program) === null) return 0;
  const { stdout } = Bun.spawnSync([program, "--version"]);
  return Number(/\d+/.exec(stdout.toString())?.[0] ?? 0);
}

/** How many WAL senders the server runs. */
async function senders(): Promise<unknown> {
  const [row] = await postgres.query("select count(*)::int as count from pg_stat_replication");
  return row?.["count"];
}

async function untilSenders(count: number): Promise<void> {
  await waitFor(`${count} WAL senders`, senders, { until: (seen) => seen === count });
}

/** Has what happens to the table streamed, up to CopyBothResponse. */
async function startStreaming(client: WireClient, slot: string): Promise<void> {
  client.query(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput`);
  await client.messagesUntil("Z");
  client.query(
    `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'watching')`,
  );
  expect((await client.message()).type).toBe("W");
}

/** Reads up to the next row that was inserted, and returns its only value. */
async function inserted(client: WireClient): Promise<string> {
  for (;;) {
    const { type, body } = await client.message();
    expect(type).toBe("d");
    // XLogData: w, three numbers of eight bytes; then pgoutput's Insert with one column.
    if (body.toString("latin1", 0, 1) !== "w" || body.toString("latin1", 25, 26) !== "I") continue;
    return body.toString("latin1", body.length - 1);
  }
}

describe.each(["session", "transaction"] as const)("replication in mode %s", (mode) => {
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    gatewayd = await startIn(mode);
  });
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  test("answers the same as the server itself", async () => {
    const answers: string[][] = [];
    for (const target of [postgres, gatewayd]) {
      await using client = await connectWire(target);
      const asked = { ...LOGICAL, application_name: "watcher", DateStyle: "german" };
      const greeting = await client.login(asked);
      client.query("IDENTIFY_SYSTEM");
      const identity = await client.messagesUntil("Z");
      client.query("SHOW datestyle");
      const shown = await client.messagesUntil("Z");
      client.query("NONSENSE here");
      const refused = await client.messagesUntil("Z");
      const all = [...greeting, ...identity, ...shown, ...refused].map(({ type, body }) =>
        // The key, and where the log has come to, are others each time.
        type === "K" ? `K ${body.length}` : `${type} ${body.toString("latin1")}`,
      );
      answers.push(all.map((text) => text.replaceAll(/[0-9A-F]+\/[0-9A-F]+/g, "LSN")));
      client.send(serialize.end());
      await client.ended();
    }
    expect(answers[1]).toEqual(answers[0] ?? []);
    await untilSenders(0);
  });

  test("streams changes, whose receiver says how far it is, beside the pool", async () => {
    {
      // The connection of the pool stays.
      await using other = await connected(gatewayd, { user: "postgres", database: "postgres" });
      other.query("select 1");
      await other.messagesUntil("Z");
    }
    const before = await openDescriptorsAtRest(gatewayd.process.pid);
    {
      await using client = await connected(gatewayd);
      await startStreaming(client, `streamed_${mode}`);
      // The only connection of the pool is free for others.
      await using other = await connected(gatewayd, { user: "postgres", database: "postgres" });
      for (const value of ["1", "2", "3"]) {
        other.query(`insert into watched values (${value})`);
        await other.messagesUntil("Z");
        expect(await inserted(client)).toBe(value);
      }
      const status = Buffer.alloc(34);
      status.write("r", 0, "latin1");
      status[33] = 1;
      client.send(frontendMessage("d", status));
      await waitFor("a keepalive", async () => {
        const { body } = await client.message();
        return body.toString("latin1", 0, 1) === "k";
      });
      // The receiver ends the stream, and goes on with commands.
      client.send(frontendMessage("c", ""));
      expect((await client.messagesUntil("Z")).map(({ type }) => type).join("")).toMatch(/cd*C+Z$/);
      client.query("SELECT 'goes on'");
      await client.messagesUntil("Z");
    }
    await untilSenders(0);
    await expectSameDescriptors(gatewayd.process.pid, before);
  });

  test("is cancelled by the key it was given", async () => {
    await using client = await connectWire(gatewayd);
    const greeting = await client.login(LOGICAL);
    const key = greeting.find(({ type }) => type === "K")?.body ?? Buffer.alloc(0);
    await startStreaming(client, `cancelled_${mode}`);
    await using canceller = await connectWire(gatewayd);
    canceller.send(cancelRequest(key));
    await canceller.ended();
    expect(await client.errorResponse()).toMatchObject({ code: "57014" });
    await client.messagesUntil("Z");
  });

  test("is physical too", async () => {
    await using client = await connected(gatewayd, PHYSICAL);
    client.query("IDENTIFY_SYSTEM");
    const [, row] = await client.messagesUntil("Z");
    const lsn = /[0-9A-F]+\/[0-9A-F]+/.exec(row?.body.toString() ?? "")?.[0] ?? "";
    client.query(`START_REPLICATION PHYSICAL ${lsn}`);
    expect((await client.messagesUntil("W")).length).toBe(1);
    await postgres.query("insert into watched values (0)");
    expect((await client.message()).type).toBe("d");
  });

  test.each([
    [{ ...LOGICAL, replication: "perhaps" }, "22023"],
    [{ ...LOGICAL, database: "nowhere" }, "3D000"],
    [{ ...LOGICAL, no_such_setting: "1" }, "42704"],
    [{ ...LOGICAL, user: "nobody" }, "28000"],
  ])("is refused as by the server itself: %p", async (parameters, code) => {
    const errors: Buffer[] = [];
    for (const target of [postgres, gatewayd]) {
      await using client = await connectWire(target);
      client.startup(parameters);
      const error = (await client.messagesUntil("E")).at(-1);
      errors.push(error?.body ?? Buffer.alloc(0));
      await client.ended();
    }
    expect(errors[0]?.toString()).toContain(`C${code}\0`);
    expect(errors[1]?.toString()).toBe(errors[0]?.toString() ?? "");
  });

  test("is refused by the server when it has too many", async () => {
    const clients: WireClient[] = [];
    for (let count = 0; count < WAL_SENDERS; count++) clients.push(await connected(gatewayd));
    await using client = await connectWire(gatewayd);
    client.startup(LOGICAL);
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "53300" });
    for (const each of clients) await each[Symbol.asyncDispose]();
    await untilSenders(0);
  });

  test("that is lost by its receiver ends on the server", async () => {
    for (const how of ["reset", "end"] as const) {
      const client = await connected(gatewayd);
      await startStreaming(client, `lost_${mode}_${how}`);
      await untilSenders(1);
      client[how]();
      await untilSenders(0);
      await client[Symbol.asyncDispose]();
    }
  });

  test("ends with the server's words when the server ends it", async () => {
    await using client = await connected(gatewayd);
    await startStreaming(client, `ended_${mode}`);
    await untilSenders(1);
    await postgres.query("select pg_terminate_backend(pid) from pg_stat_replication");
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P01" });
    await client.ended();
  });
});

describe("a gateway that stops", () => {
  test("ends a stream at once, and not its queries", async () => {
    await using gatewayd = await startIn("transaction", { drainTimeout: "60s" });
    await using client = await connected(gatewayd);
    await startStreaming(client, "drained");
    await gatewayd.stop();
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P01" });
    await untilSenders(0);
  });
});

test("replication counts twice among the clients, and never beyond them", async () => {
  await using gatewayd = await startIn("transaction", { maxConnections: 3 });
  await using one = await connected(gatewayd);
  await using other = await connectWire(gatewayd);
  other.startup(LOGICAL);
  expect(await other.errorResponse()).toMatchObject({ severity: "FATAL", code: "53300" });
  await other.ended();
  await using ordinary = await connected(gatewayd, { user: "postgres", database: "postgres" });
  await ordinary[Symbol.asyncDispose]();
  await one[Symbol.asyncDispose]();
  await waitFor("room for another one", async () => {
    await using next = await connectWire(gatewayd);
    next.startup(LOGICAL);
    await waitFor("an answer", () => next.received.length > 0 || next.hasEnded);
    return next.received.toString("latin1", 0, 1) === "R" && (await next.messagesUntil("Z"));
  });
  await gatewayd.stop();
});

test("what does not idle is not taken for idle, and what does is", async () => {
  await using gatewayd = await startIn("transaction", { idleTimeout: "300ms" });
  await using client = await connected(gatewayd);
  expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P05" });
  await gatewayd.stop();
});

describe("PostgreSQL's own receivers", () => {
  let directory: string;
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "gatewayd-replication-"));
    gatewayd = await startIn("transaction");
  });
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  const where = (): readonly string[] => [
    `--host=${gatewayd.host}`,
    `--port=${gatewayd.port}`,
    "--username=postgres",
    "--no-password",
  ];

  testWhere(
    majorVersionOf("pg_receivewal") >= SERVER_VERSION,
    "there is no pg_receivewal as new as the server",
  )("receive the log", async () => {
    await using receiver = await startProcess([
      "pg_receivewal",
      ...where(),
      `--directory=${directory}`,
      "--no-loop",
    ]);
    await untilSenders(1);
    await waitFor("a file of the log", async () =>
      (await readdir(directory)).some((name) => name.endsWith(".partial")),
    );
    receiver.kill("SIGINT");
    await waitFor("its end", () => receiver.status !== undefined);
    expect(receiver.status).toEqual({ code: 0, signal: null });
    await untilSenders(0);
  });

  testNeeding("pg_recvlogical")("receive changes", async () => {
    const options = [...where(), "--dbname=postgres", "--slot=received", "--plugin=pgoutput"];
    const { code } = await runToEnd(["pg_recvlogical", ...options, "--create-slot"]);
    expect(code).toBe(0);
    await postgres.query("insert into watched values (7)");
    const [end] = await postgres.query("select pg_current_wal_lsn()::text as lsn");
    const received = await runToEnd([
      "pg_recvlogical",
      ...options,
      "--start",
      "--option=proto_version=1",
      "--option=publication_names=watching",
      `--endpos=${String(end?.["lsn"])}`,
      "--file=-",
    ]);
    expect(received.code).toBe(0);
    expect(received.stdout).toContain("7");
    await postgres.query("select pg_drop_replication_slot('received')");
  });
});
