/** Who may log in from where: `auth.rules` and `auth.hbaFile`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectWire,
  type ErrorFields,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-rules-"));
  await writeFile(join(directory, "users.txt"), '"postgres" "secret"\n');
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function configOf(auth: object, server: object = {}): string {
  return oneBlockConfig(postgres.address, {
    pool: { mode: "transaction" },
    server: { auth: { method: "trust", ...auth }, ...server },
  });
}

/** What a client from an address gets in answer to its startup: the first message. */
async function answerTo(gatewayd: GatewaydProcess, host?: string, parameters?: typeof POSTGRES) {
  await using client = await connectWire(gatewayd);
  if (host !== undefined) {
    const family = host.includes(":") ? "TCP6" : "TCP4";
    client.send(`PROXY ${family} ${host} ${host} 40000 5432\r\n`);
  }
  client.startup(parameters);
  const { type, body } = await client.message();
  return type === "R" ? `R${body.readInt32BE(0)}` : `${type}${codeOf(body)}`;
}

const POSTGRES: Readonly<Record<string, string>> = { user: "postgres", database: "postgres" };
const TRUSTED = "R0";
const ASKED_FOR_SCRAM = "R10";
const REFUSED = "E28000";

function codeOf(body: Buffer): ErrorFields["code"] {
  return /(?:^|\0)C(\w{5})\0/.exec(body.toString("latin1"))?.[1] ?? "";
}

describe("auth.rules", () => {
  test("go by the address that the PROXY header tells, first match first", async () => {
    await using gatewayd = await startGatewayd({
      config: configOf(
        {
          usersFile: join(directory, "users.txt"),
          rules: [
            { from: "10.9.0.0/16", method: "reject" },
            { from: ["10.0.0.0/8", "fd00::/8"] },
            { from: "192.0.2.7", method: "scram-sha-256" },
            { from: "192.0.2.8", user: "shop" },
            { from: "192.0.2.9", database: ["shop", "stock"] },
          ],
        },
        { proxyProtocol: "required" },
      ),
    });
    expect(await answerTo(gatewayd, "10.9.1.1")).toBe(REFUSED);
    expect(await answerTo(gatewayd, "10.8.1.1")).toBe(TRUSTED);
    expect(await answerTo(gatewayd, "fd00::1")).toBe(TRUSTED);
    expect(await answerTo(gatewayd, "192.0.2.7")).toBe(ASKED_FOR_SCRAM);
    expect(await answerTo(gatewayd, "192.0.2.8")).toBe(REFUSED);
    expect(await answerTo(gatewayd, "192.0.2.9")).toBe(REFUSED);
    expect(await answerTo(gatewayd, "192.0.2.9", { user: "postgres", database: "shop" })).toBe(
      TRUSTED,
    );
    await gatewayd.process.waitForLine("rejected by auth.rules[0]");
    await gatewayd.process.waitForLine("no rule fits");
    await gatewayd.stop();
  });

  test("tell a unix socket from the network", async () => {
    const socket = join(directory, "gatewayd.sock");
    await using gatewayd = await startGatewayd({
      config: configOf({ rules: [{ from: "local" }] }, { address: ["127.0.0.1:0", socket] }),
      listeners: 2,
    });
    expect(await answerTo(gatewayd)).toBe(REFUSED);
    await using client = await connectWire({ path: socket });
    expect((await client.login()).at(-1)?.type).toBe("Z");
    await gatewayd.stop();
  });
});

describe("auth.hbaFile", () => {
  test("is read again when it changes; one with a fault changes nothing", async () => {
    const hbaFile = join(directory, "pg_hba.conf");
    await writeFile(hbaFile, "host all all 10.0.0.0/8 trust\nhost all all all reject\n");
    await using gatewayd = await startGatewayd({
      config: configOf({ hbaFile }, { proxyProtocol: "required" }),
    });
    expect(await answerTo(gatewayd, "10.0.0.1")).toBe(TRUSTED);
    expect(await answerTo(gatewayd, "192.0.2.1")).toBe(REFUSED);

    await writeFile(hbaFile, "host all all 10.0.0.0/8 reject\nhost all all all ident\n");
    const line = await gatewayd.process.waitForLine("Failed to reload the login rules");
    expect(line).toContain(`${hbaFile}:2:18: the method \\"ident\\" is not supported`);
    expect(await answerTo(gatewayd, "10.0.0.1")).toBe(TRUSTED);

    await writeFile(hbaFile, "host all all 192.0.2.0/24 trust\n");
    await gatewayd.process.waitForLine("Reloaded the login rules");
    expect(await answerTo(gatewayd, "10.0.0.1")).toBe(REFUSED);
    expect(await answerTo(gatewayd, "192.0.2.1")).toBe(TRUSTED);
    await gatewayd.stop();
  });

  test("that asks for passwords nobody has ends the start", async () => {
    const hbaFile = join(directory, "impossible.conf");
    await writeFile(hbaFile, "# who\nhost all all all scram-sha-256\n");
    const start = startGatewayd({ config: configOf({ hbaFile }) });
    expect(start).rejects.toThrow("impossible.conf:2: scram-sha-256 needs a usersFile");
    await start.catch(() => {});
  });
});
