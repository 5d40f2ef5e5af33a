/** Cancel requests: a connection of their own, closed by the server when it has passed them on. */
import { dial, ignoringHandler } from "../net/index.ts";
import type { Address, TimerWheel } from "../net/index.ts";
import { cancelRequest } from "../postgres/index.ts";

/** How long the server may take to accept, and then to close, the connection of a request. */
const CANCEL_TIMEOUT_MS = 5_000;

/**
 * Asks the server at `address` to cancel what the owner of `key` runs. Resolves when the server has
 * closed the connection: the signal is sent then (manual, 54.2.8 Canceling Requests in Progress).
 * @throws GatewayError ERR_SERVER_UNREACHABLE
 */
export async function sendCancelRequest(
  address: Address,
  key: Uint8Array,
  timers: TimerWheel,
): Promise<void> {
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
