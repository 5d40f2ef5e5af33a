/**
 * A shared pool's way to its server: makes backends, at the pace that the server bears, and knows
 * whether it can be reached.
 */
import { GatewayError } from "../errors.ts";
import { DialPacing } from "./dial-pacing.ts";
import type { PairLane } from "./pair-lane.ts";
import type { SharedBackend, SharedPoolOptions } from "./shared-pool-options.ts";
import type { Slot } from "./slot.ts";

/** The pool, as its way to the server sees it. */
export interface LinkPort<B extends SharedBackend> {
  readonly options: SharedPoolOptions<B>;
  /** Clients that wait for a backend. */
  readonly waiting: () => number;
  /** @param isOutdated it was begun before the last call of `outdate` */
  readonly connected: (lane: PairLane<B>, backend: B, isOutdated: boolean) => void;
  /** The server does not let this pair in. */
  readonly refused: (lane: PairLane<B>, error: GatewayError) => void;
  /** Another attempt may be made, or what is known of the server has changed. */
  readonly changed: () => void;
  /** The last attempt for this lane has ended, and will not be repeated by itself. */
  readonly left: (lane: PairLane<B>) => void;
}

export class ServerLink<B extends SharedBackend> {
  readonly #port: LinkPort<B>;
  readonly #pacing: DialPacing;
  readonly #closing = new AbortController();
  #connecting = 0;
  /** Counts the calls of `outdate`. */
  #epoch = 0;
  /** What the last attempt failed of, while they fail; and whose it was. */
  #failure: { readonly error: GatewayError; readonly lane: PairLane<B> } | undefined;

  constructor(port: LinkPort<B>) {
    this.#port = port;
    this.#pacing = new DialPacing(port.options, port.changed);
  }

  /** Backends that are dialled and logged in. */
  get connecting(): number {
    return this.#connecting;
  }

  /** The last attempt succeeded, and the server neither turns us away nor may be stopping. */
  get isReached(): boolean {
    return this.#pacing.isReached;
  }

  /** One more backend may be made now. */
  get mayConnect(): boolean {
    return this.#connecting < this.#pacing.limit(this.#port.waiting());
  }

  /** What is given up can be had again: while it cannot, an old backend is better than none. */
  get mayReplace(): boolean {
    return !this.#pacing.isFailing && this.#pacing.limit(1) > 0;
  }

  /** Whose attempt failed last, to try again for when nobody waits; undefined once one succeeded. */
  get failedLane(): PairLane<B> | undefined {
    return this.#failure?.lane;
  }

  /** Why there is no backend, to those who waited for one in vain. */
  get outageCode(): "ERR_SERVER_BUSY" | "ERR_SERVER_UNREACHABLE" {
    const isBusy = this.#failure?.error.code === "ERR_SERVER_BUSY";
    return isBusy ? "ERR_SERVER_BUSY" : "ERR_SERVER_UNREACHABLE";
  }

  /** Makes a backend. The port hears of the outcome. */
  async connect(lane: PairLane<B>): Promise<void> {
    const epoch = this.#epoch;
    this.#connecting++;
    lane.connecting++;
    let outcome: B | GatewayError;
    try {
      outcome = await this.#port.options.connect(lane.pair, this.#closing.signal);
    } catch (thrown) {
      outcome = GatewayError.from(thrown);
    }
    this.#connecting--;
    lane.connecting--;
    if (!(outcome instanceof GatewayError)) {
      this.#reached(lane);
      this.#port.connected(lane, outcome, epoch !== this.#epoch);
    } else if (!this.#closing.signal.aborted) {
      this.#failed(lane, outcome);
    }
    this.#port.left(lane);
    this.#port.changed();
  }

  /** The server closed a backend by itself, or did not answer. */
  forsaken(): void {
    this.#pacing.forsaken();
  }

  /** The server closed an idle backend; new ones may share that fate, if it never served. */
  rejected({ lane, backend, hasServed }: Slot<B>): void {
    if (hasServed) this.#pacing.served();
    this.#pacing.rejected(this.#port.options.timers.clock.now() - backend.dialledAtMs);
    if (this.#pacing.isTurnedAway) this.#remember(lane, new GatewayError("ERR_SERVER_LOST"));
  }

  /** The server has kept a backend for as long as it was wanted. */
  served(): void {
    this.#pacing.served();
  }

  /** What is being made now is out of date when it is there. */
  outdate(): void {
    this.#epoch++;
  }

  /** Begins nothing more; what goes on is told to end. */
  close(): void {
    this.#closing.abort();
    this.#pacing.dispose();
  }

  #failed(lane: PairLane<B>, error: GatewayError): void {
    const { name, logger } = this.#port.options;
    if (error.code === "ERR_SERVER_LOGIN") {
      const { user, database } = lane.pair;
      logger.error("The server refused a login", { error, name, user, database });
      this.#reached(lane);
      this.#port.refused(lane, error);
      return;
    }
    if (!this.#pacing.isFailing) {
      logger.error("Failed to connect to the server, trying until it answers", { error, name });
    }
    this.#remember(lane, error);
    this.#pacing.failed();
  }

  #remember(lane: PairLane<B>, error: GatewayError): void {
    const previous = this.#failure?.lane;
    this.#failure = { error, lane };
    if (previous !== undefined && previous !== lane) this.#port.left(previous);
  }

  /** The server answered an attempt for this lane. */
  #reached(lane: PairLane<B>): void {
    const { name, logger } = this.#port.options;
    if (this.#pacing.isFailing) logger.info("The server can be reached again", { name });
    this.#pacing.succeeded();
    const failed = this.#failure?.lane;
    this.#failure = undefined;
    // The lane itself may be about to get its backend.
    if (failed !== undefined && failed !== lane) this.#port.left(failed);
  }
}
