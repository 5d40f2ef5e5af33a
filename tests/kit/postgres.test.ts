import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Client } from "pg";
import { type PostgresServer, runToEnd, startPostgres, waitFor } from "./index.ts";

describe("the PostgreSQL of the kit", () => {
  let postgres: PostgresServer;

  beforeAll(async () => {
    postgres = await startPostgres({ maxConnections: 20, settings: { work_mem: "5MB" } });
  }, 60_000);

  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
  });

  test("is version 18, without encryption, with the asked settings", async () => {
    const rows = await postgres.query(
      `select current_setting('server_version_num')::int / 10000 as version,
              current_setting('ssl') as ssl,
              current_setting('max_connections') as connections,
              current_setting('work_mem') as memory`,
    );
    expect(rows).toEqual([{ version: 18, ssl: "off", connections: "20", memory: "5MB" }]);
  });

  test("listens on a unix socket too", async () => {
    const client = new Client({
      host: postgres.socketDirectory,
      port: postgres.port,
      user: "postgres",
      database: "postgres",
    });
    await client.connect();
    const result = await client.query("select inet_client_addr() is null as local");
    await client.end();
    expect(result.rows).toEqual([{ local: true }]);
  });

  test("comes back on its port with its data, after an orderly and after a hard stop", async () => {
    const { port } = postgres;
    await postgres.query("create table kept (x int)");
    await postgres.restart();
    await postgres.query("insert into kept values (1)");
    await postgres.restart("immediate");
    expect(postgres.port).toBe(port);
    expect(await postgres.query("select x from kept")).toEqual([{ x: 1 }]);
  });

  test.each(["scram-sha-256", "md5"] as const)("asks for the password by %s", async (auth) => {
    await using server = await startPostgres({ auth });
    expect(await server.query("select 1 as x")).toEqual([{ x: 1 }]);
    const client = new Client({
      host: server.host,
      port: server.port,
      user: "postgres",
      password: "wrong",
      database: "postgres",
    });
    const outcome: unknown = await client.connect().catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: "28P01" });
  });

  test("leaves no process and no directory behind", async () => {
    const server = await startPostgres();
    const { pid, socketDirectory } = server;
    await server[Symbol.asyncDispose]();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(existsSync(socketDirectory)).toBe(false);
  });
});

describe("a child process", () => {
  test("hands over its output and its exit code", async () => {
    const result = await runToEnd(["sh", "-c", "cat; echo problem >&2; exit 3"], { stdin: "a\nb" });
    expect(result).toEqual({ code: 3, signal: null, stdout: "a\nb\n", stderr: "problem\n" });
  });

  test("that cannot be started is an error", async () => {
    await expect(runToEnd(["/nowhere/program"])).rejects.toThrow("cannot start /nowhere/program");
  });
});

describe("waiting", () => {
  test("returns the awaited value", async () => {
    let looks = 0;
    expect(await waitFor("three looks", () => ++looks, { until: (n) => n === 3 })).toBe(3);
  });

  test("says what was awaited and what was seen last", async () => {
    const waiting = waitFor("the moon", () => "clouds", { until: () => false, deadlineMs: 30 });
    await expect(waiting).rejects.toThrow(
      'waited 30 ms in vain for the moon; last value: "clouds"',
    );
  });
});
