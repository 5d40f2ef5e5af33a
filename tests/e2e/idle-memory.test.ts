import { test } from "bun:test";
import { connect, type Socket } from "node:net";
import {
  expectIdle,
  oneBlockConfig,
  residentMiB,
  startGatewayd,
  startPostgres,
  startupPacket,
  waitFor,
  type WireTarget,
} from "../kit/index.ts";

const CLIENTS = 3_000;
/** Clients logging in at once: within the backlog of a listener. */
const AT_ONCE = 50;
/** A client at rest takes 2.5 kB, one with a relay more than 7; some garbage of their logins stays. */
const MAX_MIB = (CLIENTS * 5.5) / 1_024;
const STARTUP = startupPacket({ user: "postgres", database: "postgres" });
/** ReadyForQuery outside of a transaction: the last bytes of a login. */
const READY = "Z\0\0\0\x05I";

async function logIn(target: WireTarget): Promise<Socket> {
  const socket = connect(target);
  let received = "";
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed after ${received}`)));
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (received.endsWith(READY)) resolve();
    });
    socket.write(STARTUP);
  });
  return socket;
}

async function logInMany(target: WireTarget, count: number, sockets: Socket[]): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => logIn(target)))));
  }
}

test.each(["transaction", "session"])(
  "clients that are logged in and idle take little, in %s mode",
  async (mode) => {
    await using postgres = await startPostgres({ maxConnections: 20 });
    await using gatewayd = await startGatewayd({
      config: oneBlockConfig(postgres.address, {
        pool: { mode },
        server: { auth: { method: "trust" } },
      }),
    });
    const { pid } = gatewayd.process;
    const sockets: Socket[] = [];
    try {
      // What is made once, for the first clients of all.
      await logInMany(gatewayd, 500, sockets);
      await expectIdle(pid);
      const beforeMiB = residentMiB(pid);
      await logInMany(gatewayd, CLIENTS, sockets);
      await waitFor("the memory of logins to be free", () => residentMiB(pid) - beforeMiB, {
        deadlineMs: 20_000,
        until: (moreMiB) => moreMiB < MAX_MIB,
      });
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await gatewayd.stop();
  },
  60_000,
);
