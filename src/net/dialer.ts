/** Opening connections to servers: tcp with a fresh name look-up each time, and unix sockets. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { SocketHandler } from "bun";
import { GatewayError } from "../errors.ts";
import { POSTGRES_PORT, formatAddress } from "./address.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";
import { socketFile } from "./listener.ts";
import type { NameAnswers } from "./name-answers.ts";
import { reasonOf } from "../libc/index.ts";
import { SocketConnection, socketEvents } from "./socket-connection.ts";
import type { TimerWheel } from "./timer-wheel.ts";

export interface DialOptions {
  readonly address: Address;
  /** For each address the name stands for; 0 = as long as the system takes. */
  readonly timeoutMs: number;
  /** Keep-alive probes after this much silence; 0 = none. */
  readonly keepAliveMs: number;
  readonly timers: TimerWheel;
  /** Told what the name stands for, when one of its addresses was reached. */
  readonly answers?: NameAnswers;
}

/** What {@link dial} opened, and the address the name stood for. */
export interface Dialled {
  readonly connection: Connection;
  /** Literal address, to reach the same server again, e.g. for a cancel request. */
  readonly address: Address;
}

/**
 * Resolves the name anew, and tries all its addresses in order.
 * @throws GatewayError ERR_SERVER_UNREACHABLE naming the address and every reason.
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  const reasons: string[] = [];
  const name = formatAddress(options.address);
  try {
    const addresses = await resolveAddress(options.address);
    for (const address of addresses) {
      try {
        const connection = await dialOne(address, options);
        options.answers?.record(addresses);
        return { connection, address };
      } catch (thrown) {
        const tried = formatAddress(address);
        reasons.push(tried === name ? reasonOf(thrown) : `${tried}: ${reasonOf(thrown)}`);
      }
    }
  } catch (thrown) {
    reasons.push(reasonOf(thrown));
  }
  throw new GatewayError(
    "ERR_SERVER_UNREACHABLE",
    `cannot connect to ${name} (${reasons.join("; ")})`,
  );
}

/** The literal addresses that a configured address stands for right now, in order of preference. */
export async function resolveAddress(address: Address): Promise<readonly Address[]> {
  if (address.kind === "unix") {
    return [{ kind: "unix", path: socketFile(address.path, POSTGRES_PORT) }];
  }
  const host = address.host === "" ? "localhost" : address.host;
  if (isIP(host) !== 0) return [address];
  const found = await lookup(host, { all: true, order: "ipv4first" });
  return found.map(({ address: ip }) => ({ kind: "tcp", host: ip, port: address.port }));
}

function dialOne(address: Address, options: DialOptions): Promise<SocketConnection> {
  return new Promise((fulfil, reject) => {
    let isLate = false;
    const timeout =
      options.timeoutMs > 0
        ? options.timers.after(options.timeoutMs, () => {
            isLate = true;
            reject(new Error(`no connection within ${options.timeoutMs} ms`));
          })
        : undefined;
    const socket: SocketHandler<SocketConnection | undefined> = {
      ...socketEvents,
      open(opened) {
        timeout?.dispose();
        if (isLate) {
          opened.terminate();
          return;
        }
        if (options.keepAliveMs > 0) opened.setKeepAlive(true, options.keepAliveMs);
        const connection = new SocketConnection(opened, options.timers);
        if (address.kind === "unix") connection.remoteAddress = address.path;
        opened.data = connection;
        fulfil(connection);
      },
      connectError(_, error) {
        timeout?.dispose();
        reject(error);
      },
    };
    // Bun.connect knows neither a timeout nor an abort signal: a socket that opens too late is cut.
    const shared = { allowHalfOpen: true, data: undefined, socket };
    const opening =
      address.kind === "unix"
        ? Bun.connect<SocketConnection | undefined>({ ...shared, unix: address.path })
        : Bun.connect<SocketConnection | undefined>({
            ...shared,
            hostname: address.host,
            port: address.port,
          });
    opening.catch((thrown: unknown) => {
      timeout?.dispose();
      reject(thrown);
    });
  });
}
