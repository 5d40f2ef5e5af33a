import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { chmod, cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { Client } from "pg";
import {
  connectWire,
  expectIdle,
  expectSameDescriptors,
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptors,
  type PostgresServer,
  psql,
  residentMiB,
  sslRequest,
  startGatewayd,
  startPostgres,
  startupPacket,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures", "tls");
const ALPN = { ALPNProtocols: ["postgresql"] };
const LARGE = "0123456789abcdef".repeat(256 * 1024);

let postgres: PostgresServer;
/** A copy of the certificates: libpq wants keys that nobody else can read, and one test replaces files. */
let certificates: string;

beforeAll(async () => {
  postgres = await startPostgres();
  certificates = await mkdtemp(join(tmpdir(), "gatewayd-tls-"));
  await cp(FIXTURES, certificates, { recursive: true });
  for (const name of ["client", "other-client", "stranger"]) await chmod(pem(`${name}.key`), 0o600);
}, 60_000);

afterAll(async () => {
  await rm(certificates, { recursive: true });
  await postgres[Symbol.asyncDispose]();
});

function pem(name: string): string {
  return join(certificates, name);
}

async function startWith(server: Readonly<Record<string, unknown>>): Promise<GatewaydProcess> {
  const files = { certFile: pem("server.crt"), keyFile: pem("server.key") };
  const config = oneBlockConfig(postgres.address, {
    server: { enableTLS: true, ...files, ...server },
  });
  return await startGatewayd({ config });
}

async function login(gatewayd: GatewaydProcess, env: Readonly<Record<string, string>>) {
  const { host, port } = gatewayd;
  return await psql("select 'in'", { host, port, env });
}

/** Reads up to a ReadyForQuery outside a transaction, then stops; returns how many bytes that was. */
async function readUntilReady(socket: Socket): Promise<number> {
  let bytes = 0;
  let tail = "";
  const read = (chunk: Buffer): void => {
    bytes += chunk.length;
    tail = (tail + chunk.toString("latin1", Math.max(0, chunk.length - 6))).slice(-6);
  };
  socket.on("data", read);
  socket.resume();
  await waitFor("ReadyForQuery", () => tail === "Z\0\0\0\x05I", {
    intervalMs: 1,
    deadlineMs: 30_000,
  });
  socket.off("data", read);
  socket.pause();
  return bytes;
}

/** How psql shows the client certificate of that name. */
function showing(name: string): Record<string, string> {
  return { PGSSLMODE: "require", PGSSLCERT: pem(`${name}.crt`), PGSSLKEY: pem(`${name}.key`) };
}

describe("TLS as the client asks", () => {
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    gatewayd = await startWith({});
  });
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  testNeeding("psql")("serves psql encrypted, plain and with a verified certificate", async () => {
    for (const env of [
      { PGSSLMODE: "disable" },
      { PGSSLMODE: "require" },
      { PGSSLMODE: "verify-full", PGSSLROOTCERT: pem("ca.crt") },
    ]) {
      expect(await login(gatewayd, env)).toMatchObject({ code: 0, stdout: "in\n" });
    }
  });

  test("serves pg with values of several megabytes in both directions", async () => {
    const client = new Client({
      host: gatewayd.host,
      port: gatewayd.port,
      user: "postgres",
      database: "postgres",
      ssl: { ca: await readFile(pem("ca.crt"), "utf8") },
    });
    await client.connect();
    const { rows } = await client.query("select $1::text as text", [LARGE]);
    expect(rows[0]?.text === LARGE).toBe(true);
    await client.end();
  });

  test("refuses bytes that come unencrypted behind an SSLRequest", async () => {
    await using client = await connectWire(gatewayd);
    client.send(Buffer.concat([sslRequest(), startupPacket({ user: "postgres" })]));
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "08P01" });
    await client.ended();
    expect(client.received.toString()).toBe("");
  });

  test("refuses a second SSLRequest inside TLS", async () => {
    await using client = await connectWire(gatewayd);
    await client.requestTls();
    client.send(sslRequest());
    expect(await client.errorResponse()).toMatchObject({ code: "08P01" });
    await client.ended();
  });

  test("refuses GSS encryption, after which the client may ask for TLS", async () => {
    await using client = await connectWire(gatewayd);
    client.send(Buffer.from([0, 0, 0, 8, 4, 210, 22, 48]));
    expect((await client.bytes(1)).toString()).toBe("N");
    await client.requestTls();
    expect((await client.login()).at(-1)?.type).toBe("Z");
  });

  test("begins with the first byte when the client names PostgreSQL by ALPN", async () => {
    await using client = await connectWire(gatewayd);
    const certificate = await client.startTls(ALPN);
    expect(certificate.serialNumber).toBe("1001");
    await client.login();
    client.query(`select repeat('x', 1000000)`);
    const [, row] = await client.messagesUntil("Z");
    expect(row?.body.length).toBe(1_000_006);
  });

  test("keeps a large result with its server while a client of direct TLS does not read", async () => {
    const { host, port } = gatewayd;
    const socket = connectTls({ host, port, rejectUnauthorized: false, ...ALPN });
    await once(socket, "secureConnect");
    await using observer = await connectWire(postgres);
    await observer.login();
    socket.write(startupPacket({ user: "postgres", database: "postgres" }));
    await readUntilReady(socket);
    const beforeMiB = residentMiB(gatewayd.process.pid);
    const text = "select repeat('x', 100000) from generate_series(1, 5000)";
    socket.write(frontendMessage("Q", `${text}\0`));
    const isStalled = `select count(*) from pg_stat_activity
      where query = '${text.replaceAll("'", "''")}' and wait_event = 'ClientWrite'`;
    await waitFor("the stall", async () => {
      observer.query(isStalled);
      const [, row] = await observer.messagesUntil("Z");
      return row?.body.at(-1) === "1".charCodeAt(0);
    });
    await expectIdle(gatewayd.process.pid);
    expect(residentMiB(gatewayd.process.pid) - beforeMiB).toBeLessThan(30);
    expect(await readUntilReady(socket)).toBeGreaterThan(5_000 * 100_000);
    // Of 500 MB: what may remain is garbage the collector has not come to yet, and that varies.
    expect(residentMiB(gatewayd.process.pid) - beforeMiB).toBeLessThan(200);
    socket.destroy();
  }, 60_000);

  test.each(["plain", "direct TLS"])(
    "loses nothing of a slow reader that has said goodbye, %s",
    async (way) => {
      const { host, port, process } = gatewayd;
      const before = openDescriptors(process.pid);
      const socket =
        way === "plain"
          ? connectTcp({ host, port })
          : connectTls({ host, port, rejectUnauthorized: false, ...ALPN });
      await once(socket, way === "plain" ? "connect" : "secureConnect");
      socket.write(startupPacket({ user: "postgres", database: "postgres" }));
      await readUntilReady(socket);
      const query = "select repeat('x', 1000) from generate_series(1, 1000)\0";
      socket.write(Buffer.concat([frontendMessage("Q", query), frontendMessage("X", "")]));
      await expectSameDescriptors(process.pid, before);
      expect(await readUntilReady(socket)).toBeGreaterThan(1_000_000);
      socket.destroy();
    },
  );

  test("closes a connection that begins with TLS for another protocol", async () => {
    await using client = await connectWire(gatewayd);
    await client.startTls().catch(() => {});
    await client.ended();
  });

  test("closes a connection whose handshake is garbage, and serves the next", async () => {
    await using client = await connectWire(gatewayd);
    client.send(sslRequest());
    await client.bytes(1);
    client.send("this is not a ClientHello, and will never be one");
    await client.ended();
    await using next = await connectWire(gatewayd);
    await next.requestTls();
    await next.login();
  });

  test("takes a TLS 1.2 client", async () => {
    await using client = await connectWire(gatewayd);
    await client.requestTls({ maxVersion: "TLSv1.2" });
    await client.login();
  });
});

test("without TLS an SSLRequest is answered with N and the client goes on unencrypted", async () => {
  await using gatewayd = await startGatewayd({ config: oneBlockConfig(postgres.address) });
  await using client = await connectWire(gatewayd);
  client.send(sslRequest());
  expect((await client.bytes(1)).toString()).toBe("N");
  await client.login();
  await gatewayd.stop();
});

testNeeding("psql")("tlsMode require refuses plain clients with 28000", async () => {
  await using gatewayd = await startWith({ tlsMode: "require" });
  const plain = await login(gatewayd, { PGSSLMODE: "disable" });
  expect(plain).toMatchObject({ code: 2, stdout: "" });
  expect(plain.stderr).toContain("FATAL");
  expect(plain.stderr).toContain("this gateway accepts encrypted connections only");
  expect(await login(gatewayd, { PGSSLMODE: "require" })).toMatchObject({ code: 0 });
  await gatewayd.stop();
});

testNeeding("psql")("tlsMode verify-ca wants a certificate of the authority", async () => {
  await using gatewayd = await startWith({ tlsMode: "verify-ca", clientCAFile: pem("ca.crt") });
  expect(await login(gatewayd, showing("client"))).toMatchObject({ code: 0 });
  expect(await login(gatewayd, showing("other-client"))).toMatchObject({ code: 0 });
  expect(await login(gatewayd, showing("stranger"))).toMatchObject({ code: 2, stdout: "" });
  expect(await login(gatewayd, { PGSSLMODE: "require" })).toMatchObject({ code: 2, stdout: "" });
  expect(await login(gatewayd, { PGSSLMODE: "disable" })).toMatchObject({ code: 2, stdout: "" });
  await gatewayd.stop();
});

testNeeding("psql")("tlsMode verify-full wants a certificate issued to the user", async () => {
  await using gatewayd = await startWith({ tlsMode: "verify-full", clientCAFile: pem("ca.crt") });
  expect(await login(gatewayd, showing("client"))).toMatchObject({ code: 0 });
  const other = await login(gatewayd, showing("other-client"));
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("the client certificate does not fit the user");
  await using direct = await connectWire(gatewayd);
  await direct.startTls({
    ...ALPN,
    cert: await readFile(pem("client.crt"), "utf8"),
    key: await readFile(pem("client.key"), "utf8"),
  });
  await direct.login();
  await gatewayd.stop();
});

test("minTLSVersion 1.3 refuses a TLS 1.2 client, asked for or direct", async () => {
  await using gatewayd = await startWith({ minTLSVersion: "1.3" });
  for (const begin of ["requestTls", "startTls"] as const) {
    await using old = await connectWire(gatewayd);
    await expect(old[begin]({ ...ALPN, maxVersion: "TLSv1.2" })).rejects.toThrow();
    await using current = await connectWire(gatewayd);
    await current[begin](ALPN);
    await current.login();
  }
  await gatewayd.stop();
});

test("a renewed certificate is used without a restart, and open connections go on", async () => {
  const files = { certFile: pem("live.crt"), keyFile: pem("live.key") };
  const install = async (name: string): Promise<void> => {
    for (const kind of ["crt", "key"]) {
      await cp(pem(`${name}.${kind}`), pem(`incoming.${kind}`));
      await rename(pem(`incoming.${kind}`), pem(`live.${kind}`));
    }
  };
  await install("server");
  await using gatewayd = await startWith(files);
  const serial = async (): Promise<string> => {
    await using client = await connectWire(gatewayd);
    return (await client.requestTls()).serialNumber;
  };
  await using open = await connectWire(gatewayd);
  await open.requestTls();
  await open.login();
  expect(await serial()).toBe("1001");
  await install("renewed");
  await waitFor("the renewed certificate", serial, { until: (number) => number === "1002" });
  await using direct = await connectWire(gatewayd);
  expect((await direct.startTls(ALPN)).serialNumber).toBe("1002");

  // A file that cannot be used changes nothing.
  await cp(pem("README.md"), pem("live.crt"));
  await gatewayd.process.waitForLine("Failed to reload the TLS certificates");
  expect(await serial()).toBe("1002");
  open.query("select 1");
  await open.messagesUntil("Z");
  await gatewayd.stop();
});

test("a certificate that is missing, or does not fit its key, ends the start with exit code 1", async () => {
  const missing = startWith({ certFile: pem("nowhere.crt") });
  await expect(missing).rejects.toThrow(/exit code 1[^]*nowhere\.crt/);
  const foreign = startWith({ keyFile: pem("renewed.key") });
  await expect(foreign).rejects.toThrow(/exit code 1[^]*is not the private key/);
});
