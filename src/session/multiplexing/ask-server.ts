/** Asks a server something under the settings of a session, on a backend of its pair, in its turn. */
import type { PooledBackend, SimpleAnswer } from "../../backend/index.ts";
import type { GatewayError } from "../../errors.ts";
import { LeaseTicket } from "../../pool/index.ts";
import type { LeaseWaiter, PairLane, Slot } from "../../pool/index.ts";
import { restoreStatements } from "../../postgres/index.ts";
import type { Settings } from "../../postgres/index.ts";

/**
 * @param sql one or several statements that leave nothing behind
 * @returns the answer, which may be the server's error
 * @throws GatewayError when there is no backend to be had, or it is lost with the answer
 */
export async function askServer(
  lane: PairLane<PooledBackend>,
  settings: Settings,
  sql: string,
): Promise<SimpleAnswer> {
  const slot = await new Lease().of(lane);
  const { backend } = slot;
  try {
    const restore = restoreStatements(backend.settings, settings);
    if (restore !== undefined) {
      const answer = await backend.run(restore);
      if (answer.error !== undefined) {
        slot.release("clean");
        return answer;
      }
      backend.settings = settings;
    }
    const answer = await backend.run(sql);
    slot.release("clean");
    return answer;
  } catch (thrown) {
    slot.release("lost");
    throw thrown;
  }
}

class Lease implements LeaseWaiter<PooledBackend> {
  /** It is for no client: those that are spread by address have their own. */
  readonly remoteAddress = "";
  readonly logFields = {};
  readonly #ticket = new LeaseTicket<PooledBackend>(this);
  readonly #slot = Promise.withResolvers<Slot<PooledBackend>>();

  async of(lane: PairLane<PooledBackend>): Promise<Slot<PooledBackend>> {
    lane.lease(this.#ticket);
    return await this.#slot.promise;
  }

  onLease(slot: Slot<PooledBackend>): void {
    this.#slot.resolve(slot);
  }

  onLeaseFailed(error: GatewayError): void {
    this.#slot.reject(error);
  }
}
