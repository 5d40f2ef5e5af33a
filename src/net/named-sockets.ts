/**
 * Unix sockets that have a name of Linux' own ("abstract") in place of a file: they need no folder, and are gone with their
 * process. Only processes of the same system user are talked to.
 */
import type { Socket } from "bun";
import { readFileSync } from "node:fs";
import { GatewayError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { isOwnUser } from "./own-user.ts";
import { reasonOf } from "../libc/index.ts";
import { SocketConnection, socketEvents } from "./socket-connection.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** Flags and type of a stream socket that listens, as /proc/net/unix writes them. */
const LISTENS = "00010000 0001 ";

/**
 * @param onConnection told of each that comes from the same user
 * @throws Error when the name is taken, or the system has no such names
 */
export function listenAtName(
  name: string,
  timers: TimerWheel,
  onConnection: (connection: Connection) => void,
): Disposable {
  const listener = Bun.listen<SocketConnection | undefined>({
    unix: `\0${name}`,
    data: undefined,
    allowHalfOpen: true,
    socket: eventsOf(timers, (connection) => {
      if (isOwnUser(connection)) onConnection(connection);
      else connection.terminate();
    }),
  });
  return { [Symbol.dispose]: () => listener.stop() };
}

/** @throws GatewayError ERR_SERVER_UNREACHABLE when nobody listens there, or another user does */
export async function dialName(name: string, timers: TimerWheel): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<SocketConnection>();
  Bun.connect<SocketConnection | undefined>({
    unix: `\0${name}`,
    data: undefined,
    allowHalfOpen: true,
    socket: {
      ...eventsOf(timers, resolve),
      connectError: (_, error) => reject(error),
    },
  }).catch(reject);
  try {
    const connection = await promise;
    if (isOwnUser(connection)) return connection;
    connection.terminate();
    throw new Error("it is another user's");
  } catch (thrown) {
    throw new GatewayError(
      "ERR_SERVER_UNREACHABLE",
      `cannot connect to @${name}: ${reasonOf(thrown)}`,
    );
  }
}

function eventsOf(timers: TimerWheel, onOpen: (connection: SocketConnection) => void) {
  return {
    ...socketEvents,
    open(socket: Socket<SocketConnection | undefined>): void {
      const connection = new SocketConnection(socket, timers);
      socket.data = connection;
      onOpen(connection);
    },
  };
}

/** Names that begin so and that somebody of this machine listens at, those of this process included. */
export function namesListenedAt(prefix: string): readonly string[] {
  return socketRows().flatMap((row) => {
    const [, name] = row.split(" @");
    return row.includes(LISTENS) && name?.startsWith(prefix) === true ? [name] : [];
  });
}

function socketRows(): readonly string[] {
  try {
    return readFileSync("/proc/net/unix", "latin1").split("\n");
  } catch {
    return []; // Hidden from this process.
  }
}
