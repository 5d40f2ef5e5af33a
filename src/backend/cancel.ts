/** Cancel requests: a connection of their own, closed by the server when it has passed them on. */
import { GatewayError } from "../errors.ts";
import { ignoringHandler } from "../net/index.ts";
import type { Address, Connection, TimerWheel } from "../net/index.ts";
import { cancelRequest } from "../postgres/index.ts";
import { openServer } from "./open-server.ts";
import type { ServerEncryption } from "./open-server.ts";
import { Turnstile } from "./turnstile.ts";

/** How long a request may wait for its turn, and the server take to accept. */
const CANCEL_TIMEOUT_MS = 5_000;
/** How long the server may take to pass the request on, and then to close. */
const CLOSE_TIMEOUT_MS = 2_000;
/**
 * Requests under way at once. When many clients leave in the same moment each of their queries is
 * cancelled: their connections must fit into the descriptors that are kept free beside clients and
 * backends, and into what the server has left beyond its pools.
 */
const MAX_CANCELS = 32;

/** Where the query runs that is to be cancelled. */
export interface CancelServer {
  /** A literal one: a name may stand for another server by now. */
  readonly address: Address;
  /** How the query's own connection is encrypted. Default: it is not. */
  readonly encryption?: ServerEncryption | undefined;
}

/** Of the process, as its descriptors are. */
const turnstile = new Turnstile(MAX_CANCELS, CANCEL_TIMEOUT_MS);

/**
 * Asks a server to cancel what the owner of `key` runs, in turn when there are many to ask. Resolves
 * when the server has closed the connection: the signal is sent then (manual, 54.2.8 Canceling Requests
 * in Progress); or after two seconds. The request is encrypted as the query's connection is, as by libpq since version 17:
 * whoever reads a key can cancel with it.
 * @returns it is over; false when the server has not closed: it may strike later
 * @throws GatewayError ERR_SERVER_UNREACHABLE, or what `openServer` throws over TLS
 */
export async function sendCancelRequest(
  server: CancelServer,
  key: Uint8Array,
  timers: TimerWheel,
): Promise<boolean> {
  if (!(await turnstile.enter(timers))) {
    throw new GatewayError("ERR_SERVER_UNREACHABLE", "too many cancel requests are under way");
  }
  try {
    return await send(server, key, timers);
  } finally {
    turnstile.leave();
  }
}

async function send(
  { address, encryption }: CancelServer,
  key: Uint8Array,
  timers: TimerWheel,
): Promise<boolean> {
  const { connection } = await openServer({
    address,
    ...(encryption !== undefined && { tls: encryption.tls }),
    timeoutMs: CANCEL_TIMEOUT_MS,
    keepAliveMs: 0,
    timers,
  });
  return await askToCancel(connection, key, timers, CLOSE_TIMEOUT_MS);
}

/**
 * Sends the request over a connection that nothing has been said on, and waits until the other side has closed it.
 * @returns false when that took longer than `patienceMs`: then it is cut
 */
export async function askToCancel(
  connection: Connection,
  key: Uint8Array,
  timers: TimerWheel,
  patienceMs: number,
): Promise<boolean> {
  let isOver = true;
  await new Promise<void>((resolve) => {
    const limit = timers.after(patienceMs, () => {
      isOver = false;
      connection.terminate();
    });
    connection.handler = {
      ...ignoringHandler,
      onEnd: () => connection.close(),
      onClose: () => {
        limit.dispose();
        resolve();
      },
    };
    connection.write(cancelRequest(key));
  });
  return isOver;
}
