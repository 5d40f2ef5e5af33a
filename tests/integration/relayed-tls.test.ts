/** Gateways that relay logins to servers over TLS. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { makeCertificate, type TestCertificate } from "../fixtures/certificates.ts";
import {
  cancelRequest,
  connectWire,
  oneBlockConfig,
  type PostgresServer,
  psql,
  startPostgres,
  testNeeding,
  waitFor,
} from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

const authority = makeCertificate({ commonName: "test authority", isAuthority: true });
const stranger = makeCertificate({ commonName: "another authority", isAuthority: true });
const names = { commonName: "db", dnsNames: ["db"], issuer: authority };
const server = makeCertificate(names);
const other = makeCertificate(names);

const RULES = `
host all scrammed all scram-sha-256
host all all      all trust
`;
const SCRAMMED = { PGUSER: "scrammed", PGPASSWORD: "s3cret" };

let postgres: PostgresServer;
let plainPostgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-relayed-tls-"));
  plainPostgres = await startPostgres();
  postgres = await startPostgres({ rules: RULES, tls: { ...server, ca: authority.cert } });
  await postgres.query("create role scrammed login password 's3cret'");
  await writeFile(file("ca.crt"), authority.cert);
  await writeFile(file("stranger.crt"), stranger.cert);
  await install("server", server);
  await install("other", other);
}, 120_000);

afterAll(async () => {
  await plainPostgres[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function file(name: string): string {
  return join(directory, name);
}

async function install(name: string, { cert, key }: TestCertificate): Promise<void> {
  await writeFile(file(`${name}.crt`), cert);
  await writeFile(file(`${name}.key`), key);
}

/** @param shown the certificate that clients see; undefined: the gateway offers no TLS */
async function start(
  client: Record<string, unknown>,
  shown?: "server" | "other",
  to = postgres,
): Promise<GatewayInProcess> {
  const tls = {
    enableTLS: true,
    certFile: file(`${shown}.crt`),
    keyFile: file(`${shown}.key`),
  };
  const config = oneBlockConfig(to.address, {
    client: { retries: 0, ...client },
    server: shown === undefined ? {} : tls,
  });
  const made = await makeGateway(config);
  await made.gateway.boot();
  return made;
}

async function connect({ target }: GatewayInProcess, user = "postgres"): Promise<Client> {
  const client = new Client({ ...target, user, password: "s3cret", database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Whether the server sees the connection encrypted. */
async function encryption(gateway: GatewayInProcess): Promise<string> {
  const client = await connect(gateway);
  const sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  const { rows } = await client.query<{ ssl: boolean }>(sql);
  await client.end();
  return rows[0]?.ssl === true ? "encrypted" : "plain";
}

test.each([
  ["disable", "plain"],
  ["prefer", "encrypted"],
  ["require", "encrypted"],
  ["verify-full", "encrypted"],
])("under %s the connection is %s", async (tlsMode, expected) => {
  const trust = tlsMode === "verify-full" && { caFile: file("ca.crt"), serverName: "db" };
  await using gateway = await start({ tlsMode, ...trust });
  expect(await encryption(gateway)).toBe(expected);
});

test("under prefer a server without TLS is served in plain text", async () => {
  await using gateway = await start({ tlsMode: "prefer" }, undefined, plainPostgres);
  expect(await encryption(gateway)).toBe("plain");
});

test("a server that is not to be trusted ends the boot", async () => {
  const tls = { tlsMode: "verify-ca", caFile: file("stranger.crt") };
  await expect(start(tls)).rejects.toThrow("the server's certificate is not trusted");
  await expect(start({ tlsMode: "require" }, undefined, plainPostgres)).rejects.toThrow(
    "the server has no TLS",
  );
});

test("a server that does not answer does not hold up the end of the boot", async () => {
  const sockets: unknown[] = [];
  using silent = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        sockets.push(socket);
      },
      data() {},
    },
  });
  const config = oneBlockConfig(`127.0.0.1:${silent.port}`, { client: { tlsMode: "require" } });
  await using made = await makeGateway(config);
  const boot = made.gateway.boot();
  boot.catch(() => {});
  await waitFor("the gateway to dial", () => sockets.length > 0);
  await made.gateway.stopNow();
  await expect(boot).rejects.toMatchObject({ code: "ERR_SHUTTING_DOWN" });
});

test("drivers without TLS log in by SCRAM", async () => {
  await using gateway = await start({ tlsMode: "require" });
  const client = await connect(gateway, "scrammed");
  await client.end();
});

testNeeding("psql")("psql without TLS logs in by SCRAM, and is not offered more", async () => {
  await using gateway = await start({ tlsMode: "require" });
  const { stdout, stderr } = await psql("select current_user", {
    ...gateway.target,
    env: { ...SCRAMMED, PGSSLMODE: "disable" },
  });
  expect([stdout, stderr]).toEqual(["scrammed\n", ""]);
  expect(gateway.warnings).toEqual([]);
});

testNeeding("psql")(
  "psql with TLS logs in by SCRAM without channel binding, or gets an error and the log the way out",
  async () => {
    await using gateway = await start({ tlsMode: "require" }, "other");
    const login = async (binding: string) =>
      await psql("select current_user", {
        ...gateway.target,
        env: { ...SCRAMMED, PGSSLMODE: "require", PGCHANNELBINDING: binding },
      });
    expect((await login("disable")).stdout).toBe("scrammed\n");
    expect(gateway.warnings).toEqual([]);
    expect((await login("prefer")).stderr).toContain("SCRAM channel binding check failed");
    expect(gateway.warnings).toEqual([
      expect.stringMatching(/channel binding.*let the gateway log clients in/),
    ]);
  },
);

testNeeding("psql")("psql binds its login to a server whose certificate is shown", async () => {
  await using gateway = await start({ tlsMode: "require" }, "server");
  const { stdout } = await psql("select current_user", {
    ...gateway.target,
    env: { ...SCRAMMED, PGSSLMODE: "require", PGCHANNELBINDING: "require" },
  });
  expect(stdout).toBe("scrammed\n");
  expect(gateway.warnings).toEqual([]);
});

test("values of several megabytes come through in both directions", async () => {
  await using gateway = await start({ tlsMode: "require" });
  const client = await connect(gateway);
  const large = "0123456789abcdef".repeat(256 * 1024);
  const { rows } = await client.query<{ text: string }>("select $1::text as text", [large]);
  expect(rows[0]?.text === large).toBe(true);
  await client.end();
});

test("a client that ends its side after a query gets the answer", async () => {
  await using gateway = await start({ tlsMode: "require" });
  await using client = await connectWire(gateway.target);
  await client.login();
  client.query("select 'late'");
  client.end();
  const messages = await client.messagesUntil("Z");
  expect(messages.some(({ body }) => body.includes("late"))).toBe(true);
});

test("a query is cancelled", async () => {
  await using gateway = await start({ tlsMode: "require" });
  const client = await connect(gateway);
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const query = client.query("select pg_sleep(60)");
  query.catch(() => {});
  await waitFor("the query to run", async () => {
    const active = `select 1 from pg_stat_activity
      where state = 'active' and query = 'select pg_sleep(60)'`;
    return (await postgres.query(active)).length === 1;
  });
  const key = Buffer.alloc(8);
  key.writeInt32BE(processID, 0);
  key.writeInt32BE(secretKey, 4);
  await using canceller = await connectWire(gateway.target);
  canceller.send(cancelRequest(key));
  await expect(query).rejects.toThrow("canceling statement due to user request");
  await client.end();
});
