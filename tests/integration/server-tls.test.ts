/** A pooled gateway whose server connections are encrypted, against real servers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { Client } from "pg";
import { makeCertificate, type TestCertificate } from "../fixtures/certificates.ts";
import { oneBlockConfig, type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

const authority = makeCertificate({ commonName: "test authority", isAuthority: true });
const stranger = makeCertificate({ commonName: "another authority", isAuthority: true });
/** Its name is not the host that is dialled. */
const server = makeCertificate({ commonName: "db", dnsNames: ["db"], issuer: authority });

/** `clear` is asked for its password as it is, which the gateway gives only through TLS. */
const RULES = `
hostssl all certified all cert
host    all clear     all password
host    all all       all trust
`;

let postgres: PostgresServer;
let plainPostgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-server-tls-"));
  plainPostgres = await startPostgres();
  postgres = await startPostgres({ rules: RULES, tls: { ...server, ca: authority.cert } });
  await postgres.query(`create role certified login; create role clear login password 'secret'`);
  await writeFile(file("ca.crt"), authority.cert);
  await writeFile(file("stranger.crt"), stranger.cert);
  await writeFile(file("users.txt"), `"clear" "secret"\n"postgres" "x"\n"certified" "x"\n`);
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
  await writeFile(file(`${name}.key`), key);
  await writeFile(file(`${name}.crt`), cert);
}

async function start(
  client: Record<string, unknown>,
  to: { readonly address: string } = postgres,
  { mode = "transaction", auth = {} }: { mode?: string; auth?: object } = {},
): Promise<GatewayInProcess> {
  const config = oneBlockConfig(to.address, {
    client,
    pool: { mode, size: 2, queueTimeout: "5s" },
    server: { auth: { method: "trust", usersFile: file("users.txt"), ...auth } },
  });
  const made = await makeGateway(config);
  await made.gateway.boot();
  return made;
}

async function connect(gateway: GatewayInProcess, user: string): Promise<Client> {
  const to = { ...gateway.target, user, password: "secret", database: "postgres" };
  const client = new Client(to);
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Whether the server sees the user's connection encrypted; or why there is none. */
async function outcome(
  client: Record<string, unknown>,
  user = "postgres",
  to = postgres,
): Promise<string> {
  await using gateway = await start(client, to);
  try {
    return await encryption(gateway, user);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : String(thrown);
    return [error, ...gateway.errors].join("\n");
  }
}

async function encryption(gateway: GatewayInProcess, user: string): Promise<string> {
  const client = await connect(gateway, user);
  const sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  const { rows } = await client.query<{ ssl: boolean }>(sql);
  await client.end();
  return rows[0]?.ssl === true ? "encrypted" : "plain";
}

test("the mode says whether a connection is encrypted", async () => {
  expect(await outcome({ tlsMode: "disable" })).toBe("plain");
  expect(await outcome({ tlsMode: "prefer" })).toBe("encrypted");
  expect(await outcome({ tlsMode: "require" })).toBe("encrypted");
  expect(await outcome({ tlsMode: "prefer" }, "postgres", plainPostgres)).toBe("plain");
  expect(await outcome({ tlsMode: "require" }, "postgres", plainPostgres)).toContain(
    "the server has no TLS, which tlsMode require asks for",
  );
});

test("the mode says which certificate of the server is trusted", async () => {
  const caFile = file("ca.crt");
  expect(await outcome({ tlsMode: "verify-ca", caFile })).toBe("encrypted");
  expect(await outcome({ tlsMode: "verify-full", caFile, serverName: "db" })).toBe("encrypted");
  expect(await outcome({ tlsMode: "verify-full", caFile })).toContain(
    'the server\'s certificate is not for "127.0.0.1"',
  );
  for (const tlsMode of ["verify-ca", "verify-full"]) {
    const other = { tlsMode, caFile: file("stranger.crt"), serverName: "db" };
    expect(await outcome(other)).toContain("the server's certificate is not trusted");
  }
  expect(await outcome({ tlsMode: "verify-full", serverName: "db" })).toContain("not trusted");
});

test("the login knows that it is encrypted: a password goes in clear text only then", async () => {
  expect(await outcome({ tlsMode: "require" }, "clear")).toBe("encrypted");
  expect(await outcome({ tlsMode: "disable" }, "clear")).toContain(
    "the server asks for cleartext, and the connection is not encrypted",
  );
});

test("our own certificate is shown to a server that asks for one", async () => {
  await install("own", makeCertificate({ commonName: "certified", issuer: authority }));
  const own = { certFile: file("own.crt"), keyFile: file("own.key") };
  expect(await outcome({ tlsMode: "require", ...own }, "certified")).toBe("encrypted");
  expect(await outcome({ tlsMode: "require" }, "certified")).toContain(
    "connection requires a valid client certificate",
  );
});

test("files that change are used without a restart", async () => {
  await install("live", makeCertificate({ commonName: "certified", issuer: stranger }));
  const files = { certFile: file("live.crt"), keyFile: file("live.key") };
  await using gateway = await start({ tlsMode: "require", ...files });
  await expect(encryption(gateway, "certified")).rejects.toThrow();
  await install("live", makeCertificate({ commonName: "certified", issuer: authority }));
  await waitFor(
    "the renewed certificate",
    async () => await encryption(gateway, "certified").catch(() => "refused"),
    { until: (seen) => seen === "encrypted", deadlineMs: 20_000 },
  );
});

test("a query is cancelled on the encrypted server", async () => {
  await using gateway = await start({ tlsMode: "require" });
  const client = await connect(gateway, "postgres");
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const query = client.query("select pg_sleep(60)");
  query.catch(() => {});
  await waitFor("the query to run", async () => {
    const active = `select 1 from pg_stat_activity
      where state = 'active' and query = 'select pg_sleep(60)'`;
    return (await postgres.query(active)).length === 1;
  });
  const request = Buffer.alloc(16);
  for (const [at, value] of [16, 80_877_102, processID, secretKey].entries()) {
    request.writeInt32BE(value, at * 4);
  }
  const { host, port } = gateway.target;
  const socket = await Bun.connect({ hostname: host, port, socket: { data() {} } });
  socket.write(request);
  await expect(query).rejects.toThrow("canceling statement due to user request");
  socket.end();
  await client.end();
});

const verified = () => ({ tlsMode: "verify-full", caFile: file("ca.crt"), serverName: "db" });

test.each(["session", "transaction", "statement"])(
  "mode %s encrypts and verifies",
  async (mode) => {
    await using gateway = await start(verified(), postgres, { mode });
    expect(await encryption(gateway, "postgres")).toBe("encrypted");
    const caFile = file("stranger.crt");
    await using wary = await start({ ...verified(), caFile }, postgres, { mode });
    await expect(encryption(wary, "postgres")).rejects.toMatchObject({ code: "08004" });
  },
);

test("a login for all encrypts, verifies, and shows our certificate", async () => {
  await install("all", makeCertificate({ commonName: "certified", issuer: authority }));
  const startupParams = { user: "certified", database: "postgres" };
  const own = { certFile: file("all.crt"), keyFile: file("all.key"), startupParams };
  await using gateway = await start({ ...verified(), ...own });
  expect(await encryption(gateway, "anybody")).toBe("encrypted");
});

describe("users are looked up", () => {
  const query = { sql: "select $1::text, 'secret'", user: "certified", database: "postgres" };
  const auth = { method: "md5", usersFile: undefined, query };

  test("encrypted, verified, and by our certificate", async () => {
    await install("lookup", makeCertificate({ commonName: "certified", issuer: authority }));
    const own = { certFile: file("lookup.crt"), keyFile: file("lookup.key") };
    await using gateway = await start({ ...verified(), ...own }, postgres, { auth });
    expect(await encryption(gateway, "clear")).toBe("encrypted");
    const sql = `select ssl, client_dn from pg_stat_ssl join pg_stat_activity using (pid)
      where usename = 'certified'`;
    expect(await postgres.query(sql)).toEqual([{ ssl: true, client_dn: "/CN=certified" }]);
  });

  test("at no server that cannot be trusted", async () => {
    const caFile = file("stranger.crt");
    await using gateway = await start({ ...verified(), caFile }, postgres, { auth });
    await expect(encryption(gateway, "clear")).rejects.toMatchObject({ code: "08004" });
    expect(gateway.errors.join()).toContain("the server's certificate is not trusted");
  });
});

describe("the name of the server is told in the handshake", () => {
  /** A server that hears for whom it is asked, and goes no further. */
  async function listenForNames(names: string[]) {
    const listener = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write("S");
        const SNICallback = (name: string, answer: (error: Error) => void): void => {
          names.push(name);
          answer(new Error("that is all"));
        };
        new TLSSocket(socket, { isServer: true, ...server, SNICallback }).on("error", () => {
          socket.destroy();
        });
      });
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const bound = listener.address();
    const port = bound === null || typeof bound === "string" ? 0 : bound.port;
    return { address: `localhost:${port}`, [Symbol.dispose]: () => void listener.close() };
  }

  const query = { sql: "select $1::text, 'secret'", user: "lookup", database: "postgres" };
  test.each([
    ["by a session", {}, {}, "localhost"],
    ["as it is configured", { serverName: "db.example.com" }, {}, "db.example.com"],
    [
      "by a lookup",
      { serverName: "db.example.com" },
      { method: "md5", usersFile: undefined, query },
      "db.example.com",
    ],
  ])("%s", async (_, client, auth, expected) => {
    const names: string[] = [];
    using listener = await listenForNames(names);
    await using gateway = await start({ tlsMode: "require", ...client }, listener, { auth });
    const attempt = encryption(gateway, "postgres").catch(() => "refused");
    await waitFor("the handshake", () => names.length > 0);
    expect(names[0]).toBe(expected);
    await gateway.gateway.stopNow();
    expect(await attempt).toBe("refused");
  });
});
