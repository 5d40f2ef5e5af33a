import { afterEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcpServer } from "node:net";
import { createServer, type TlsOptions, type TLSSocket } from "node:tls";
import { makeCertificate, type TestCertificate } from "../../tests/fixtures/certificates.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { TimerWheel, dial } from "./index.ts";
import type { ClientHandshakeResult, ClientTlsOptions, Connection } from "./index.ts";

const LARGE = new Uint8Array(8 * 1024 * 1024).map((_, index) => index % 251);
const DAY_MS = 86_400_000;
const soon = { intervalMs: 1, deadlineMs: 5_000 };

const authority = makeCertificate({ commonName: "test authority", isAuthority: true });
const stranger = makeCertificate({ commonName: "stranger", isAuthority: true });
const local = {
  commonName: "localhost",
  dnsNames: ["localhost"],
  ipAddresses: ["127.0.0.1"],
  issuer: authority,
};
const good = makeCertificate(local);

/** With the certificate that signed it, which is in order but for signing others. */
function signedByAnOrdinaryOne(): TestCertificate {
  const ordinary = makeCertificate({ commonName: "an ordinary one", issuer: authority });
  const shown = makeCertificate({ ...local, issuer: ordinary });
  return { ...shown, cert: shown.cert + ordinary.cert };
}

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** What became of one connection, seen from our side, and from the server's. */
interface Attempt {
  readonly connection: Connection;
  readonly heard: Recorder;
  readonly results: readonly ClientHandshakeResult[];
  readonly accepted: readonly TLSSocket[];
  /** The names that were asked for by SNI. */
  readonly askedFor: readonly string[];
}

async function portOf(server: ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUps.push(() => server.close());
  const bound = server.address();
  return typeof bound === "object" ? (bound?.port ?? 0) : 0;
}

async function upgrade(port: number, options: Partial<ClientTlsOptions>) {
  const address = { kind: "tcp", host: "127.0.0.1", port } as const;
  const timers = new TimerWheel();
  const { connection } = await dial({ address, timeoutMs: 5_000, keepAliveMs: 0, timers });
  cleanUps.push(() => connection.terminate());
  const heard = new Recorder();
  const results: ClientHandshakeResult[] = [];
  connection.handler = heard;
  connection.startTlsAsClient(
    { serverName: "localhost", verify: "full", ca: authority.cert, ...options },
    (result) => results.push(result),
  );
  await waitFor("the end of the handshake", () => results.length > 0, soon);
  return { connection, heard, results };
}

async function attempt(
  shown: TestCertificate,
  options: Partial<ClientTlsOptions> = {},
  serverOptions: TlsOptions = {},
): Promise<Attempt> {
  const accepted: TLSSocket[] = [];
  const askedFor: string[] = [];
  const server = createServer(
    {
      cert: shown.cert,
      key: shown.key,
      SNICallback: (name, answer) => {
        askedFor.push(name);
        answer(null);
      },
      ...serverOptions,
    },
    (socket) => {
      socket.on("error", () => {});
      cleanUps.push(() => socket.destroy());
      accepted.push(socket);
    },
  );
  server.on("tlsClientError", () => {});
  return { ...(await upgrade(await portOf(server), options)), accepted, askedFor };
}

/** Why the handshake failed; `done` if it did not. */
function outcome({ results }: Pick<Attempt, "results">): string {
  expect(results).toHaveLength(1);
  const [result] = results;
  return result?.kind === "failed" ? result.error.message : String(result?.kind);
}

describe("TLS towards a server", () => {
  test("carries bytes both ways, large ones too", async () => {
    const { connection, heard, results, accepted, askedFor } = await attempt(good);
    const certificate = new X509Certificate(good.cert).raw;
    expect(results).toEqual([
      { kind: "done", server: { certificate, names: ["localhost", "localhost"] } },
    ]);
    expect(askedFor).toEqual(["localhost"]);
    await waitFor("the server's side", () => accepted[0], soon);
    const hash = new Bun.CryptoHasher("sha1");
    let received = 0;
    accepted[0]?.on("data", (bytes: Buffer) => {
      hash.update(bytes);
      received += bytes.length;
    });
    accepted[0]?.write(LARGE);
    connection.write(LARGE);
    await waitFor("both", () => received + heard.byteLength === 2 * LARGE.length, soon);
    const expected = new Bun.CryptoHasher("sha1").update(LARGE).digest("hex");
    expect(hash.digest("hex")).toBe(expected);
    expect(new Bun.CryptoHasher("sha1").update(heard.bytes).digest("hex")).toBe(expected);
    connection.close();
    await waitFor("the close", () => heard.hasClosed, soon);
  });

  test("names the protocol where it is told to", async () => {
    const protocols = { ALPNProtocols: ["postgresql"] };
    const { accepted } = await attempt(good, { alpn: "postgresql" }, protocols);
    await waitFor("the server's side", () => accepted[0], soon);
    expect(accepted[0]?.alpnProtocol).toBe("postgresql");
  });

  test("names no server by its address", async () => {
    const result = await attempt(good, { serverName: "127.0.0.1" });
    expect([outcome(result), ...result.askedFor]).toEqual(["done"]);
  });

  test("shows our certificate to a server that asks", async () => {
    const ours = makeCertificate({ commonName: "gatewayd", issuer: authority });
    const { accepted } = await attempt(
      good,
      { cert: ours.cert, key: ours.key },
      { requestCert: true, rejectUnauthorized: true, ca: authority.cert },
    );
    await waitFor("the server's side", () => accepted[0], soon);
    expect(accepted[0]?.getPeerCertificate().subject.CN).toBe("gatewayd");
  });

  test("tells of a server that wants a certificate and gets none", async () => {
    const { connection, heard } = await attempt(
      good,
      {},
      { requestCert: true, rejectUnauthorized: true, ca: authority.cert },
    );
    await waitFor("the close", () => heard.hasClosed, soon);
    expect(connection.isOpen).toBe(false);
    expect(heard.events.join()).toContain("CERTIFICATE_REQUIRED");
  });

  const expired = { notBefore: new Date(0), notAfter: new Date(Date.now() - DAY_MS) };
  const early = { notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(2 ** 42) };
  const self = { commonName: "localhost", dnsNames: ["localhost"] };
  const UNTRUSTED: readonly (readonly [string, TestCertificate, string])[] = [
    ["has expired", makeCertificate({ ...local, ...expired }), "CERT_HAS_EXPIRED"],
    ["is not valid yet", makeCertificate({ ...local, ...early }), "CERT_NOT_YET_VALID"],
    ["signed itself", makeCertificate(self), "DEPTH_ZERO_SELF_SIGNED_CERT"],
    [
      "another authority signed",
      makeCertificate({ ...local, issuer: stranger }),
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    ],
    ["no authority signed", signedByAnOrdinaryOne(), "INVALID_PURPOSE"],
  ];

  test.each(UNTRUSTED)("takes a certificate that %s only unverified", async (_, shown, code) => {
    for (const verify of ["ca", "full"] as const) {
      // A wrong name must not hide that the chain is broken.
      for (const serverName of ["localhost", "elsewhere.example", "127.0.0.1"]) {
        const result = await attempt(shown, { verify, serverName });
        expect(outcome(result)).toContain(`is not trusted: `);
        expect(outcome(result)).toContain(code);
        expect([result.connection.isOpen, result.heard.events]).toEqual([false, ["close"]]);
      }
    }
    expect(outcome(await attempt(shown, { verify: "none" }))).toBe("done");
    expect(outcome(await attempt(shown, { verify: "none", serverName: "x" }))).toBe("done");
  });

  test("takes no certificate for a trusted one because no authority was given", async () => {
    const options = { serverName: "localhost", verify: "ca" } as const;
    const server = createServer({ cert: good.cert, key: good.key });
    server.on("tlsClientError", () => {});
    const port = await portOf(server);
    const result = await upgrade(port, { ...options, ca: "" });
    expect(outcome(result)).not.toBe("done");
  });

  const wild = { dnsNames: ["*.example.org"] };
  const NAMES: readonly (readonly [
    string,
    { dnsNames?: readonly string[]; ipAddresses?: readonly string[]; commonName?: string },
    boolean,
  ])[] = [
    ["localhost", {}, true],
    ["LocalHost", {}, true],
    ["127.0.0.1", {}, true],
    ["127.0.0.2", {}, false],
    ["elsewhere.example", {}, false],
    ["a.example.org", wild, true],
    ["a.b.example.org", wild, false],
    ["example.org", wild, false],
    ["old.example.org", { commonName: "old.example.org", dnsNames: [], ipAddresses: [] }, true],
    ["old.example.org", { commonName: "old.example.org" }, false],
    ["10.0.0.1", { commonName: "10.0.0.1", dnsNames: [], ipAddresses: [] }, true],
    ["::1", { ipAddresses: ["0:0:0:0:0:0:0:1"] }, true],
    ["fe80::1%eth0", { ipAddresses: ["fe80:0:0:0:0:0:0:1"] }, true],
    ["::2", { ipAddresses: ["0:0:0:0:0:0:0:1"] }, false],
    ["bank.example", { dnsNames: ["evil.example, DNS:bank.example"] }, false],
    ["bank.example", { dnsNames: ["bank.example\0.evil.example"] }, false],
    ["bank.example", { commonName: "bank.example\0.evil.example", dnsNames: [] }, false],
    ["", {}, false],
  ];

  test.each(NAMES)("verifies that %p is named in %p: %p", async (serverName, owner, isNamed) => {
    const shown = makeCertificate({ ...local, ...owner });
    const result = await attempt(shown, { serverName });
    if (isNamed) expect(outcome(result)).toBe("done");
    else expect(outcome(result)).toContain(`is not for "${serverName}" but for CN=`);
    expect(outcome(await attempt(shown, { serverName, verify: "ca" }))).toBe("done");
  });

  test("says that our own certificates cannot be used", async () => {
    const result = await attempt(good, { cert: good.cert, key: authority.key });
    expect(outcome(result)).toContain("our certificates cannot be used");
    expect([result.connection.isOpen, result.heard.hasClosed]).toEqual([false, true]);
  });

  test("fails when server and client have no version in common", async () => {
    const result = await attempt(good, { verify: "none" }, { maxVersion: "TLSv1.1" });
    expect(outcome(result)).not.toBe("done");
    await waitFor("the close", () => result.heard.hasClosed, soon);
  });

  test.each([
    ["leaves", ""],
    ["does not speak TLS", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ])("fails when the server %s", async (_, answer) => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(answer));
    });
    const result = await upgrade(await portOf(server), { verify: "none" });
    expect(outcome(result)).not.toBe("done");
    await waitFor("the close", () => result.heard.hasClosed || result.heard.hasEnded, soon);
  });
});
