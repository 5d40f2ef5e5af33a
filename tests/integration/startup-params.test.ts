/** Gateways that log in to their servers as one user, whoever the clients are. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "pg";
import { terminate } from "../../src/hooks/index.ts";
import {
  BackendWriter,
  errorResponse,
  readyForQuery,
  TransactionStatus,
} from "../../src/postgres/index.ts";
import { bytesIn } from "../fixtures/handlers.ts";
import { oneBlockConfig, type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

const RULES = `
local all clear    password
host  all shared   all scram-sha-256
host  all hashed   all md5
host  all all      all trust
`;

const LOGIN = { user: "shared", password: "s3cret", database: "shop" };

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ rules: RULES });
  await postgres.query("create role shared login password 's3cret'");
  await postgres.query("create role clear login password 's3cret'");
  await postgres.query(
    "set password_encryption = 'md5'; create role hashed login password 's3cret'",
  );
  await postgres.query("create role open login");
  await postgres.query("create database shop");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function start(
  startupParams: Record<string, string>,
  pool: Record<string, unknown> = {},
  client: Record<string, unknown> = {},
  server: Record<string, unknown> = {},
): Promise<GatewayInProcess> {
  const config = oneBlockConfig(postgres.address, {
    client: { startupParams, ...client },
    pool: { size: 1, queueTimeout: "5s", ...pool },
    server: { auth: { method: "trust" }, ...server },
  });
  const made = await makeGateway(config);
  await made.gateway.boot();
  return made;
}

/** Of a user that no server knows. */
async function connect(
  gateway: GatewayInProcess,
  more: Partial<Record<"database" | "application_name" | "password", string>> = {},
): Promise<Client> {
  const client = new Client({ ...gateway.target, user: "alice", database: "shop", ...more });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function rowOf(client: Client, sql: string): Promise<unknown[]> {
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
  return rows[0] ?? [];
}

const SESSION = `select current_user::text, current_database()::text,
  current_setting('application_name'), current_setting('client_encoding'),
  current_setting('search_path')`;

describe("a plugin that answers startups", () => {
  const ready = readyForQuery(TransactionStatus.Idle);
  /** As the plugin of GatewayD does it: with parameters and a key that it makes up. */
  const accepted = (): Uint8Array => {
    const writer = new BackendWriter().authenticationOk();
    writer.parameterStatus("server_version", "17.4").parameterStatus("client_encoding", "UTF8");
    return writer.backendKeyData({ processId: 1, secretKey: Buffer.alloc(4) }).take();
  };

  /** @param answer the response to a message of a client that is not in yet; undefined: it passes */
  async function startAnswering(
    answer: (message: Buffer) => Uint8Array | undefined,
    pool: Record<string, unknown> = {},
    auth?: object,
    client: Record<string, unknown> = {},
  ) {
    const made = await start(LOGIN, pool, client, { auth });
    made.gateway.hooks.register("OnTrafficFromClient", {
      name: "plugin",
      priority: 1,
      onError: "continue",
      handler: (payload) => {
        const response = answer(bytesIn(payload, "request"));
        return response && terminate({ response });
      },
    });
    return made;
  }

  const isStartup = (message: Buffer): boolean => message.readUInt32BE(4) === 0x3_0000;

  const logsIn = (message: Buffer): Uint8Array | undefined =>
    isStartup(message) ? Buffer.concat([accepted(), ready]) : undefined;

  test.each(["passthrough", "session", "transaction"])("logs them in, in mode %s", async (mode) => {
    await using gateway = await startAnswering(
      logsIn,
      { mode },
      mode === "passthrough" ? undefined : { method: "plugin" },
    );
    for (let round = 0; round < 2; round++) {
      const client = await connect(gateway, { application_name: "report" });
      const session = await rowOf(client, SESSION);
      expect(session.slice(0, 3)).toEqual(["shared", "shop", "report"]);
      await client.end();
    }
  });

  test("may ask them for a password first", async () => {
    const request = new BackendWriter().authenticationCleartextPassword().take();
    await using gateway = await startAnswering((message) => {
      if (isStartup(message)) return request;
      if (message[0] !== 0x70) return undefined;
      return message.toString().includes("open sesame")
        ? Buffer.concat([accepted(), ready])
        : errorResponse({ severity: "FATAL", sqlState: "28P01", message: "not you" });
    });
    const client = await connect(gateway, { password: "open sesame" });
    expect(await rowOf(client, "select current_user::text")).toEqual(["shared"]);
    await client.end();
    const other = connect(gateway, { password: "open barley" });
    await expect(other).rejects.toMatchObject({ code: "28P01", message: "not you" });
  });

  test("is told of with FATAL when it leaves a client in the middle", async () => {
    const request = new BackendWriter().authenticationCleartextPassword().take();
    await using gateway = await startAnswering((message) =>
      isStartup(message) ? request : undefined,
    );
    const attempt = connect(gateway, { password: "secret" });
    await expect(attempt).rejects.toMatchObject({ severity: "FATAL", code: "28000" });
  });

  test.each([
    ["to another database", "postgres", {}, {}, "3D000"],
    [
      "where users have connections of their own",
      "shop",
      {},
      { startupParams: undefined },
      "28000",
    ],
    ["against the rules", "shop", { rules: [{ from: "10.0.0.0/8" }] }, {}, "28000"],
  ])("logs nobody in %s", async (_, database, rules, own, code) => {
    const auth = { method: "trust", ...rules };
    await using gateway = await startAnswering(logsIn, { mode: "session" }, auth, own);
    const client = new Client({ ...gateway.target, user: "alice", database });
    const ended = new Promise<Error>((resolve) => client.on("error", resolve));
    await client.connect();
    expect(await ended).toMatchObject({ severity: "FATAL", code });
  });

  test("may leave a client to the gateway", async () => {
    await using gateway = await startAnswering(() => undefined, {}, { method: "trust" });
    const client = await connect(gateway);
    expect(await rowOf(client, "select current_user::text")).toEqual(["shared"]);
    await client.end();
  });
});

describe.each([undefined, "passthrough", "session", "transaction", "statement"])(
  "mode %p",
  (mode) => {
    const pool = mode === undefined ? {} : { mode };

    test("every client is logged in as the one user", async () => {
      await using gateway = await start({ ...LOGIN, search_path: "stock" }, pool);
      const client = await connect(gateway);
      expect(await rowOf(client, SESSION)).toEqual(["shared", "shop", "gatewayd", "UTF8", "stock"]);
      await client.end();
    });

    test("what a client asks for is its own, and gone when it has left", async () => {
      await using gateway = await start({ ...LOGIN, application_name: "billing" }, pool);
      const first = await connect(gateway, { application_name: "report" });
      await first.query("set search_path to own");
      const [pid] = await rowOf(first, "select pg_backend_pid()");
      const own = await rowOf(first, SESSION);
      await first.end();
      const second = await connect(gateway);
      const [samePid] = await rowOf(second, "select pg_backend_pid()");
      const clean = await rowOf(second, SESSION);
      await second.end();
      expect(own).toEqual(["shared", "shop", "report", "UTF8", "own"]);
      expect(clean).toEqual(["shared", "shop", "billing", "UTF8", '"$user", public']);
      expect(samePid).toBe(pid);
    });
  },
);

test("the resetQuery takes away what a client leaves, in place of another connection", async () => {
  await using gateway = await start(LOGIN);
  const first = await connect(gateway);
  const [pid] = await rowOf(first, "select pg_backend_pid()");
  await first.query("create temp table mine (id int)");
  await first.end();
  const ran = `select query from pg_stat_activity where pid = ${Number(pid)}`;
  await waitFor("the reset", async () => (await postgres.query(ran))[0]?.["query"], {
    until: (query) => query === "DISCARD ALL",
  });
  const second = await connect(gateway);
  await expect(second.query("select * from mine")).rejects.toThrow("does not exist");
  expect(await rowOf(second, "select pg_backend_pid()")).toEqual([pid]);
  await second.end();
});

test("a client that asks for another database is told that there is none", async () => {
  await using gateway = await start(LOGIN);
  const attempt = connect(gateway, { database: "postgres" });
  await expect(attempt).rejects.toMatchObject({ code: "3D000" });
});

test("a client whose startup nobody answers is told so, without a method and with plugin", async () => {
  for (const auth of [undefined, { method: "plugin" }]) {
    await using gateway = await start(LOGIN, {}, {}, { auth });
    await expect(connect(gateway)).rejects.toMatchObject({ severity: "FATAL", code: "28000" });
    const other = connect(gateway, { database: "postgres" });
    await expect(other).rejects.toMatchObject({ severity: "FATAL", code: "28000" });
  }
});

test("a route may lead to it under another name", async () => {
  const routes = [{ database: "orders", blocks: "writes", as: "shop" }];
  await using gateway = await start(LOGIN, {}, {}, { routes });
  const client = await connect(gateway, { database: "orders" });
  expect(await rowOf(client, "select current_database()::text")).toEqual(["shop"]);
  await client.end();
  await expect(connect(gateway)).rejects.toMatchObject({ code: "3D000" });
});

test("a password that is wrong is the gateway's fault, and said nowhere", async () => {
  await using gateway = await start({ ...LOGIN, password: "wr0ng" });
  await expect(connect(gateway)).rejects.toMatchObject({ code: "08004" });
  expect(gateway.errors.join("\n")).not.toContain("wr0ng");
});

test("minSize connections are opened ahead", async () => {
  await using _ = await start(LOGIN, { size: 4, minSize: 3 });
  const open = "select 1 from pg_stat_activity where usename = 'shared'";
  await waitFor("three connections", async () => (await postgres.query(open)).length === 3);
});

test.each(["hashed", "open"])("the server may ask for md5, or for nothing: %s", async (user) => {
  const password = user === "open" ? {} : { password: LOGIN.password };
  await using gateway = await start({ user, database: "shop", ...password });
  const client = await connect(gateway);
  expect(await rowOf(client, "select current_user::text")).toEqual([user]);
  await client.end();
});

test("over a Unix socket a password is given in clear text", async () => {
  const network = {
    network: "unix",
    address: `${postgres.socketDirectory}/.s.PGSQL.${postgres.port}`,
  };
  await using gateway = await start({ ...LOGIN, user: "clear" }, {}, network);
  const client = await connect(gateway);
  expect(await rowOf(client, "select current_user::text")).toEqual(["clear"]);
  await client.end();
});
