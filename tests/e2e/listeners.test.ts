import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectWire,
  freePort,
  oneBlockConfig,
  type PostgresServer,
  psql,
  startGatewayd,
  startPostgres,
  startupPacket,
  testNeeding,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-sockets-"));
}, 60_000);

afterAll(async () => {
  await rm(directory, { recursive: true });
  await postgres[Symbol.asyncDispose]();
});

async function startListening(server: Readonly<Record<string, unknown>>, listeners = 1) {
  const config = oneBlockConfig(postgres.address, { server });
  return await startGatewayd({ config, listeners });
}

describe("a listener", () => {
  testNeeding("psql")("serves IPv6", async () => {
    await using gatewayd = await startListening({ address: "[::1]:0" });
    expect(gatewayd.host).toBe("::1");
    expect(await psql("select 6", gatewayd)).toMatchObject({ code: 0, stdout: "6\n" });
    await gatewayd.stop();
  });

  testNeeding("psql")("serves a list of addresses, one of them a socket directory", async () => {
    const port = await freePort();
    const sockets = join(directory, "list");
    await mkdir(sockets);
    await using gatewayd = await startListening(
      { address: [`127.0.0.1:${port}`, "[::1]:0", sockets], socketMode: "0600" },
      3,
    );
    const socket = join(sockets, `.s.PGSQL.${port}`);
    expect(gatewayd.addresses[2]).toBe(socket);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    for (const host of ["127.0.0.1", sockets]) {
      expect(await psql("select 1", { host, port })).toMatchObject({ code: 0, stdout: "1\n" });
    }
    const [, second = ""] = gatewayd.addresses;
    const v6 = { host: "::1", port: Number(second.split(":").at(-1)) };
    expect(await psql("select 1", v6)).toMatchObject({ code: 0, stdout: "1\n" });
    await gatewayd.stop();
    expect(existsSync(socket)).toBe(false);
  });

  test("serves a socket file with the mode 0777 unless told otherwise", async () => {
    const path = join(directory, "gatewayd.sock");
    await using gatewayd = await startListening({ network: "unix", address: path });
    expect(statSync(path).mode & 0o777).toBe(0o777);
    await using client = await connectWire({ path });
    expect((await client.login()).at(-1)?.type).toBe("Z");
    await gatewayd.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("takes over the socket file of a process that is gone, not of one that lives", async () => {
    const path = join(directory, "taken.sock");
    await using first = await startListening({ address: path });
    const second = startListening({ address: path });
    await expect(second).rejects.toThrow(/exit code 1[^]*another process listens/);
    first.process.kill("SIGKILL");
    await first.process.waitForExit();
    expect(existsSync(path)).toBe(true);
    await using third = await startListening({ address: path });
    await using client = await connectWire({ path });
    await client.login();
    await third.stop();
  });

  test("whose address is in use ends the start with exit code 1 and names it", async () => {
    await using first = await startListening({});
    const second = startListening({ address: `127.0.0.1:${first.port}` });
    await expect(second).rejects.toThrow(
      new RegExp(`exit code 1[^]*cannot listen on 127\\.0\\.0\\.1:${first.port}[^]*in use`, "i"),
    );
    await first.stop();
  });

  test("shares its port with another gateway when both say reusePort", async () => {
    const port = await freePort();
    const server = { address: `127.0.0.1:${port}`, reusePort: true };
    await using first = await startListening(server);
    await using second = await startListening(server);
    await first.stop();
    await using client = await connectWire({ host: "127.0.0.1", port });
    await client.login();
    await second.stop();
  });
});

describe("a server behind a unix socket", () => {
  test("is reached by its directory", async () => {
    // The default port names the socket file; this server has another one, so the file is named here.
    const address = join(postgres.socketDirectory, `.s.PGSQL.${postgres.port}`);
    await using gatewayd = await startGatewayd({
      config: oneBlockConfig(address, { client: { network: "unix" } }),
    });
    await using client = await connectWire(gatewayd);
    await client.login();
    client.query("select inet_client_addr() is null");
    const [, row] = await client.messagesUntil("Z");
    expect(row?.body.toString()).toEndWith("t");
    await gatewayd.stop();
  });
});

const openedFrom = (client: string): RegExp =>
  new RegExp(`client=${client} connectionId=\\d+ group=default hook=OnOpened`);

describe("the PROXY protocol", () => {
  const V1 = "PROXY TCP4 203.0.113.7 127.0.0.1 40123 5432\r\n";
  const V2 = Buffer.concat([
    Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12]),
    Buffer.from([198, 51, 100, 9, 127, 0, 0, 1, 0x9c, 0xbb, 0x15, 0x38]),
  ]);
  const V2_LOCAL = Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x20, 0, 0, 0]);

  async function startWith(proxyProtocol: string) {
    const config = oneBlockConfig(postgres.address, { server: { proxyProtocol }, level: "trace" });
    return await startGatewayd({ config });
  }

  test.each([
    ["version 1", Buffer.from(V1), "203.0.113.7:40123"],
    ["version 2", V2, "198.51.100.9:40123"],
  ])(
    "of %s tells the client's true address, whatever way it is cut",
    async (_name, header, source) => {
      await using gatewayd = await startWith("required");
      await using whole = await connectWire(gatewayd);
      whole.send(Buffer.concat([header, startupPacket({ user: "postgres" })]));
      await whole.messagesUntil("Z");
      await gatewayd.process.waitForLine(openedFrom(source));
      const mark = gatewayd.process.lineCount;
      await using cut = await connectWire(gatewayd);
      for (const byte of header) cut.send(Uint8Array.of(byte));
      await cut.login();
      await gatewayd.process.waitForLine(openedFrom(source), {
        since: mark,
      });
      await gatewayd.stop();
    },
  );

  test("lets health checks of the load balancer keep their own address", async () => {
    await using gatewayd = await startWith("required");
    await using check = await connectWire(gatewayd);
    check.send(V2_LOCAL);
    await check.login();
    await gatewayd.process.waitForLine(openedFrom(check.localAddress));
    await gatewayd.stop();
  });

  test("when required closes connections without a header, and malformed ones", async () => {
    await using gatewayd = await startWith("required");
    for (const bytes of [startupPacket({ user: "postgres" }), Buffer.from("PROXY TCP4 what\r\n")]) {
      await using client = await connectWire(gatewayd);
      client.send(bytes);
      await client.ended();
      expect(client.received.length).toBe(0);
    }
    await gatewayd.process.waitForLine("ERR_PROXY_PROTOCOL");
    await gatewayd.stop();
  });

  test("when optional serves clients with and without a header", async () => {
    await using gatewayd = await startWith("optional");
    await using plain = await connectWire(gatewayd);
    await plain.login();
    await gatewayd.process.waitForLine(openedFrom(plain.localAddress));
    await using proxied = await connectWire(gatewayd);
    proxied.send(V1);
    await proxied.login();
    await gatewayd.process.waitForLine(openedFrom("203.0.113.7:40123"));
    await gatewayd.stop();
  });

  test("when off takes a header for the garbage it is", async () => {
    await using gatewayd = await startWith("off");
    await using client = await connectWire(gatewayd);
    client.send(V1);
    expect(await client.errorResponse()).toMatchObject({ code: "08P01" });
    await client.ended();
    await gatewayd.stop();
  });
});
