/** Listening sockets: tcp, IPv6 and unix, each accepted socket as a {@link SocketConnection}. */
import { statSync } from "node:fs";
import { GatewayError } from "../errors.ts";
import { formatAddress, formatHostPort } from "./address.ts";
import type { Address } from "./address.ts";
import { Arrivals } from "./arrivals.ts";
import { reasonOf } from "../libc/index.ts";
import { holdNewcomers, isPortShared, letThrough } from "./shared-ports.ts";
import { SocketFile } from "./socket-file.ts";
import { SocketConnection, socketEvents } from "./socket-connection.ts";
import type { BunSocket } from "./socket-connection.ts";
import type { TimerWheel } from "./timer-wheel.ts";

export interface ListenOptions {
  readonly address: Address;
  /** Names the socket file when the address is a directory: `.s.PGSQL.<port>`. */
  readonly directoryPort: number;
  /** Permissions of a unix socket file. */
  readonly socketMode: number;
  /** Lets several processes listen on one tcp port, and takes a unix socket over from another. */
  readonly reusePort: boolean;
  readonly timers: TimerWheel;
  readonly onConnection: (connection: SocketConnection) => void;
}

export interface Listener {
  /** Where it listens, with the port the kernel chose if the configured one was 0. */
  readonly address: string;
  /** Another process listens there as well: who comes finds it, once this one has stopped. */
  readonly isShared: boolean;
  /** Accepts no more. Connections go on; a unix socket file is removed. */
  stop(): void;
  /** As {@link stop}, in favour of another process: who is about to be accepted still is, for half a second at most. */
  leave(): Promise<void>;
}

/** Whoever has connected is accepted by then. */
const ACCEPT_MS = 10;

/** @throws GatewayError ERR_LISTEN_FAILED naming the address and the reason. */
export async function listen(options: ListenOptions): Promise<Listener> {
  try {
    return options.address.kind === "tcp"
      ? listenTcp(options, options.address.host, options.address.port)
      : await listenUnix(options, socketFile(options.address.path, options.directoryPort));
  } catch (thrown) {
    throw new GatewayError(
      "ERR_LISTEN_FAILED",
      `cannot listen on ${formatAddress(options.address)}: ${reasonOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** The socket file a path stands for: itself, or the one of PostgreSQL's naming in a directory. */
export function socketFile(path: string, port: number): string {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isDirectory ? `${path.replace(/\/$/, "")}/.s.PGSQL.${port}` : path;
}

function listenTcp(options: ListenOptions, host: string, port: number): Listener {
  // Not in Bun's types; works in 1.4.5, also from several processes.
  const untyped = { reusePort: options.reusePort };
  const arrivals = new Arrivals(options.timers);
  let isLeaving = false;
  const prepare = (connection: SocketConnection): void => {
    if (isLeaving) letThrough(connection.descriptor);
    arrivals.add(connection);
  };
  const listener = Bun.listen<SocketConnection | undefined>({
    ...untyped,
    hostname: host === "" ? "::" : host,
    port,
    data: undefined,
    // Otherwise Bun closes at the peer's end of stream and drops what is still to be sent.
    allowHalfOpen: true,
    socket: { ...socketEvents, open: accept(options, prepare) },
  });
  const stop = (): void => {
    listener.stop();
    arrivals.settle();
  };
  return {
    address: formatHostPort(listener.hostname, listener.port),
    get isShared() {
      return options.reusePort && isPortShared(listener.port);
    },
    stop,
    leave: async () => {
      isLeaving = true;
      await holdNewcomers([listener.port], true);
      stop();
    },
  };
}

async function listenUnix(options: ListenOptions, path: string): Promise<Listener> {
  const file = await SocketFile.claim(path, options.reusePort);
  const listener = Bun.listen<SocketConnection | undefined>({
    unix: file.boundAs,
    data: undefined,
    allowHalfOpen: true,
    socket: {
      ...socketEvents,
      open: accept(options, (connection) => {
        connection.localAddress = path;
      }),
    },
  });
  try {
    file.place(options.socketMode);
  } catch (thrown) {
    listener.stop();
    throw thrown;
  }
  const stop = (): void => {
    listener.stop();
    file.remove();
  };
  return {
    address: path,
    get isShared() {
      return options.reusePort && file.isTakenOver;
    },
    stop,
    // Since the other one's socket has the name nobody connects to this one any more.
    leave: async () => {
      await Bun.sleep(ACCEPT_MS);
      stop();
    },
  };
}

function accept(
  options: ListenOptions,
  prepare: (connection: SocketConnection) => void,
): (socket: BunSocket) => void {
  return (socket) => {
    const connection = new SocketConnection(socket, options.timers);
    prepare(connection);
    socket.data = connection;
    options.onConnection(connection);
  };
}
