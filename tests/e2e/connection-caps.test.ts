/** How many clients a user and a database may have, and that every end of one makes room for the next. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectWire,
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
  type WireClient,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  for (const role of ["single", "pair", "other"]) await postgres.query(`create role ${role} login`);
  await postgres.query("create database shop");
  directory = await mkdtemp(join(tmpdir(), "gatewayd-caps-"));
  const users = [
    { name: "single", maxConnections: 1 },
    { name: "pair", maxConnections: 2 },
  ];
  await writeFile(join(directory, "users.yaml"), JSON.stringify({ users }));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function start(auth: object, server: object = {}): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction" },
      server: {
        auth: { method: "trust", usersFile: join(directory, "users.yaml"), ...auth },
        ...server,
      },
    }),
  });
}

/** What the startup of a client ends in: `Z`, or the SQLSTATE and the words of its error. */
async function outcomeOf(client: WireClient, user: string, database = "postgres"): Promise<string> {
  client.startup({ user, database });
  for (;;) {
    const { type, body } = await client.message();
    if (type === "Z") return type;
    if (type === "E")
      return /\0C(\w{5})\0M([^\0]*)/.exec(body.toString())?.slice(1).join(" ") ?? "";
  }
}

describe("a cap", () => {
  test("per user is that of the users file, or else that for all", async () => {
    await using gatewayd = await start({ maxConnectionsPerUser: 1 });
    await using first = await connectWire(gatewayd);
    await using second = await connectWire(gatewayd);
    await using third = await connectWire(gatewayd);
    expect(await outcomeOf(first, "pair")).toBe("Z");
    expect(await outcomeOf(second, "pair")).toBe("Z");
    const tooMany = "53300 too many connections for this user";
    expect(await outcomeOf(third, "pair")).toBe(tooMany);
    await third.ended();
    await using fourth = await connectWire(gatewayd);
    await using fifth = await connectWire(gatewayd);
    expect(await outcomeOf(fourth, "other")).toBe("Z");
    expect(await outcomeOf(fifth, "other")).toBe(tooMany);
    await gatewayd.process.waitForLine("ERR_TOO_MANY_OF_USER");
    await gatewayd.stop();
  });

  test("per database counts all its users, and no other database", async () => {
    await using gatewayd = await start({ maxConnectionsPerDatabase: 2 });
    await using first = await connectWire(gatewayd);
    await using second = await connectWire(gatewayd);
    await using third = await connectWire(gatewayd);
    await using elsewhere = await connectWire(gatewayd);
    expect(await outcomeOf(first, "single", "shop")).toBe("Z");
    expect(await outcomeOf(second, "other", "shop")).toBe("Z");
    const tooMany = "53300 too many connections for this database";
    expect(await outcomeOf(third, "pair", "shop")).toBe(tooMany);
    expect(await outcomeOf(elsewhere, "pair", "postgres")).toBe("Z");
    await gatewayd.stop();
  });
});

const TERMINATE = frontendMessage("X", "");

/** How a client that has logged in may end. */
const ENDS: readonly (readonly [string, (client: WireClient) => unknown])[] = [
  ["says goodbye", (client) => client.send(TERMINATE)],
  ["ends its stream", (client) => client.end()],
  ["resets its connection", (client) => client.reset()],
  [
    "is lost while its query runs",
    async (client) => {
      client.query("select pg_sleep(60)");
      await waitFor("the query", async () => await isRunning("select pg_sleep(60)"));
      client.reset();
    },
  ],
  [
    "is lost inside a transaction",
    async (client) => {
      client.query("begin");
      await client.messagesUntil("Z");
      client.reset();
    },
  ],
  ["breaks the protocol", (client) => client.send("HTTP/1.1 GET /\r\n\r\n")],
  ["is silent for too long", async (client) => await client.ended()],
  [
    "has its connection to the server terminated",
    (client) => client.query("select pg_terminate_backend(pg_backend_pid())"),
  ],
];

async function isRunning(query: string): Promise<boolean> {
  const sql = `select 1 from pg_stat_activity where state = 'active' and query = '${query}'`;
  return (await postgres.query(sql)).length === 1;
}

/** How a client may end that has logged in here and not at the server. */
const FAILED_STARTS: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ["asks for a database that is not there", { database: "gone" }, "3D000"],
  ["sets a parameter that is not there", { no_such_parameter: "1" }, "42704"],
  ["is of a user that is not there", { user: "nobody" }, "08004"],
];

describe("there is room again after a client that", () => {
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    gatewayd = await start({ maxConnectionsPerUser: 1 }, { idleTimeout: "1s" });
  });

  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  /** A client that has logged in, once there is room for it. */
  const entered = async (user: string, at = gatewayd): Promise<WireClient> => {
    const entering = async (): Promise<WireClient | undefined> => {
      const client = await connectWire(at);
      if ((await outcomeOf(client, user)) === "Z") return client;
      await client[Symbol.asyncDispose]();
      return undefined;
    };
    const client = await waitFor("room for another client", entering);
    if (client === undefined) throw new Error("waited for a client");
    return client;
  };

  test.each(ENDS)("%s", async (_, end) => {
    await using client = await entered("single");
    await end(client);
    await using _next = await entered("single");
  });

  test.each(FAILED_STARTS)("%s", async (_, parameters, code) => {
    const user = parameters["user"] ?? "other";
    for (let round = 0; round < 3; round++) {
      await using client = await connectWire(gatewayd);
      client.startup({ user, database: "postgres", ...parameters });
      expect((await client.errorResponse()).code).toBe(code);
      await client.ended();
    }
  });

  test("gives up while it waits for a server connection", async () => {
    await using full = await startGatewayd({
      config: oneBlockConfig(postgres.address, {
        pool: { mode: "session", size: 1 },
        server: { auth: { method: "trust", maxConnectionsPerUser: 1 } },
      }),
    });
    await using holder = await connectWire(full);
    expect(await outcomeOf(holder, "other")).toBe("Z");
    holder.query("begin");
    await holder.messagesUntil("Z");
    await using waiting = await connectWire(full);
    waiting.startup({ user: "pair", database: "postgres" });
    await waiting.messagesUntil("R");
    await using excess = await connectWire(full);
    expect(await outcomeOf(excess, "pair")).toStartWith("53300");
    waiting.reset();
    holder.send(TERMINATE);
    await using _next = await entered("pair", full);
    await full.stop();
  });
});
