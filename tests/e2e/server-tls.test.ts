import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { makeCertificate } from "../fixtures/certificates.ts";
import {
  expectSameDescriptors,
  type GatewaydProcess,
  oneBlockConfig,
  type OneBlockOptions,
  openDescriptors,
  type PostgresServer,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

const authority = makeCertificate({ commonName: "test authority", isAuthority: true });

let postgres: PostgresServer;
let directory: string;
let trust: Readonly<Record<string, string>>;

beforeAll(async () => {
  const server = makeCertificate({ commonName: "db", dnsNames: ["db"], issuer: authority });
  postgres = await startPostgres({ auth: "scram-sha-256", tls: server });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-to-tls-"));
  await writeFile(join(directory, "ca.crt"), authority.cert);
  await writeFile(join(directory, "users.txt"), `"postgres" "${postgres.password}"\n`);
  trust = { tlsMode: "verify-full", caFile: join(directory, "ca.crt"), serverName: "db" };
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function start(options: OneBlockOptions): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, { client: trust, level: "debug", ...options }),
  });
}

/** Logs in, and asks the server whether it sees the connection encrypted. */
async function isEncrypted({ host, port }: GatewaydProcess): Promise<unknown> {
  const { password } = postgres;
  const client = new Client({ host, port, user: "postgres", password, database: "postgres" });
  await client.connect();
  const sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  const { rows } = await client.query<{ ssl: boolean }>(sql);
  await client.end();
  return rows[0]?.ssl;
}

test("a pooled gateway logs in with channel binding", async () => {
  await using gatewayd = await start({
    pool: { mode: "transaction" },
    server: { auth: { method: "scram-sha-256", usersFile: join(directory, "users.txt") } },
  });
  expect(await isEncrypted(gatewayd)).toBe(true);
  const line = await gatewayd.process.waitForLine("Logged in to the server");
  expect(Bun.stripANSI(line)).toContain("method=SCRAM-SHA-256-PLUS");
  await gatewayd.stop();
});

test("a relaying gateway leaves nothing open after many clients", async () => {
  await using gatewayd = await start({});
  const before = openDescriptors(gatewayd.process.pid);
  for (let round = 0; round < 20; round++) {
    const all = await Promise.all(Array.from({ length: 4 }, () => isEncrypted(gatewayd)));
    expect(all).toEqual([true, true, true, true]);
  }
  await expectSameDescriptors(gatewayd.process.pid, before);
  await gatewayd.stop();
});
