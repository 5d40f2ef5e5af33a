/**
 * Which clients get through to the database: by what is stored of a user, how the client proves itself
 * here, and what the database asks for. docs/pooling.md has it as a table.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { oneBlockConfig, type PostgresServer, startPostgres } from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

const STORED = ["password", "verifier", "md5", "nothing"] as const;
const CLIENT_METHODS = ["trust", "cleartext", "md5", "scram-sha-256"] as const;
/** As pg_hba.conf calls them. */
const SERVER_METHODS = ["trust", "password", "md5", "scram-sha-256"] as const;

type Stored = (typeof STORED)[number];
type ClientMethod = (typeof CLIENT_METHODS)[number];
type ServerMethod = (typeof SERVER_METHODS)[number];

/** One for each pair: the server tells them apart by name. */
function userOf(stored: Stored, server: ServerMethod): string {
  return `${stored}_${server.replaceAll("-", "_")}`;
}

const PAIRS = STORED.flatMap((stored) => SERVER_METHODS.map((server) => [stored, server] as const));

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  const rules = PAIRS.map(([stored, server]) => `local all ${userOf(stored, server)} ${server}`);
  postgres = await startPostgres({ rules: `${rules.join("\n")}\nhost all postgres all trust\n` });
  for (const [stored, server] of PAIRS) {
    const encryption = server === "md5" ? "md5" : "scram-sha-256";
    const user = userOf(stored, server);
    await postgres.query(
      `set password_encryption = '${encryption}'; create role ${user} login password 'secret'`,
    );
  }
  const sql = "select rolname, rolpassword from pg_authid where rolpassword like 'SCRAM%'";
  const verifiers = new Map<unknown, unknown>();
  for (const { rolname, rolpassword } of await postgres.query(sql)) {
    verifiers.set(rolname, rolpassword);
  }
  const anyVerifier = verifiers.get(userOf("password", "trust"));
  const users = PAIRS.map(([stored, server]) => {
    const name = userOf(stored, server);
    const hash = createHash("md5").update(`secret${name}`).digest("hex");
    const secrets = {
      password: { password: "secret" },
      // Its own where the database has one, else that of another user with the same password.
      verifier: { verifier: verifiers.get(name) ?? anyVerifier },
      md5: { md5: `md5${hash}` },
      nothing: {},
    };
    return { name, ...secrets[stored] };
  });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-matrix-"));
  await writeFile(join(directory, "users.yaml"), JSON.stringify({ users }));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** What the gateway can show to the database: the methods that it serves; undefined: it lets nobody in. */
function servedBy(stored: Stored, client: ClientMethod): readonly ServerMethod[] | undefined {
  switch (stored) {
    case "password":
      return SERVER_METHODS;
    case "verifier":
      if (client === "cleartext") return SERVER_METHODS;
      // Where md5 is asked for, a verifier is checked by SCRAM, which gives the keys.
      return client === "trust" ? ["trust"] : ["trust", "scram-sha-256"];
    case "md5":
      if (client === "scram-sha-256") return undefined;
      return client === "cleartext" ? SERVER_METHODS : ["trust", "md5"];
    case "nothing":
      return client === "trust" ? ["trust"] : undefined;
  }
}

async function outcomeOf(gateway: GatewayInProcess, user: string, password: string) {
  const client = new Client({ ...gateway.target, user, password, database: "postgres" });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ current_user: string }>("select current_user");
    return rows[0]?.current_user === user ? "in" : "somebody else";
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : String(error);
  } finally {
    await client.end().catch(() => {});
  }
}

describe.each(CLIENT_METHODS)("clients by %s", (method) => {
  let gateway: GatewayInProcess;

  beforeAll(async () => {
    const network = {
      network: "unix",
      address: join(postgres.socketDirectory, `.s.PGSQL.${postgres.port}`),
    };
    const usersFile = join(directory, "users.yaml");
    gateway = await makeGateway(
      oneBlockConfig("", {
        client: network,
        pool: { mode: "transaction", size: 20 },
        server: {
          auth: { method, usersFile, allowUnencryptedCleartext: method === "cleartext" },
        },
      }),
    );
    await gateway.gateway.boot();
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  test.each(STORED)("with %s stored get as far as they should", async (stored) => {
    const served = servedBy(stored, method);
    for (const server of SERVER_METHODS) {
      const expected = served === undefined ? "28P01" : served.includes(server) ? "in" : "08004";
      const outcome = await outcomeOf(gateway, userOf(stored, server), "secret");
      expect({ server, outcome }).toEqual({ server, outcome: expected });
      if (method === "trust") continue;
      const wrong = await outcomeOf(gateway, userOf(stored, server), "wrong");
      expect({ server, wrong }).toEqual({ server, wrong: "28P01" });
    }
  });
});
