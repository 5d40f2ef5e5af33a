/** Cancel requests: a connection of their own, closed by the server when it has passed them on. */
import { GatewayError } from "../errors.ts";
import { dial, ignoringHandler } from "../net/index.ts";
import type { Address, TimerWheel } from "../net/index.ts";
import { cancelRequest } from "../postgres/index.ts";
import { Turnstile } from "./turnstile.ts";

/** How long a request may wait for its turn, and the server take to accept, and then to close. */
const CANCEL_TIMEOUT_MS = 5_000;
/**
 * Requests under way at once. When many clients leave in the same moment each of their queries is
 * cancelled: their connections must fit into the descriptors that are kept free beside clients and
 * backends, and into what the server has left beyond its pools.
 */
const MAX_CANCELS = 32;

/** Of the process, as its descriptors are. */
const turnstile = new Turnstile(MAX_CANCELS, CANCEL_TIMEOUT_MS);

/**
 * Asks the server at `address` to cancel what the owner of `key` runs, in turn when there are many to
 * ask. Resolves when the server has closed the connection: the signal is sent then (manual, 54.2.8
 * Canceling Requests in Progress).
 * @throws GatewayError ERR_SERVER_UNREACHABLE
 */
export async function sendCancelRequest(
  address: Address,
  key: Uint8Array,
  timers: TimerWheel,
): Promise<void> {
  if (!(await turnstile.enter(timers))) {
    throw new GatewayError("ERR_SERVER_UNREACHABLE", "too many cancel requests are under way");
  }
  try {
    await send(address, key, timers);
  } finally {
    turnstile.leave();
  }
}

async function send(address: Address, key: Uint8Array, timers: TimerWheel): Promise<void> {
  const { connection } = await dial({
    address,
    timeoutMs: CANCEL_TIMEOUT_MS,
    keepAliveMs: 0,
    timers,
  });
  await new Promise<void>((resolve) => {
    const limit = timers.after(CANCEL_TIMEOUT_MS, () => connection.terminate());
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
}
