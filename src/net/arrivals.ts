import type { SocketConnection } from "./socket-connection.ts";
import type { Deadline, TimerWheel } from "./timer-wheel.ts";

/**
 * A client that vanishes without a word (its machine lost power, a firewall forgot the connection)
 * would hold its session, its backend and its transaction for ever: after this much silence the
 * kernel asks whether it is still there.
 */
const KEEP_ALIVE_MS = 60_000;

/** Who has stayed for about so long has come to stay. */
const ARRIVAL_MS = 5_000;

/**
 * Clients that have come lately. To have the kernel look after one takes four calls, more than it
 * takes to greet it: that is done for those that stay, not for those that come with one query each.
 */
export class Arrivals {
  readonly #recent = new Set<SocketConnection>();
  readonly #deadline: Deadline;

  constructor(timers: TimerWheel) {
    this.#deadline = timers.deadline(() => this.settle());
  }

  add(connection: SocketConnection): void {
    connection.arrivals = this;
    this.#recent.add(connection);
    if (!this.#deadline.isSet) this.#deadline.set(ARRIVAL_MS);
  }

  /** It has gone already. */
  remove(connection: SocketConnection): void {
    this.#recent.delete(connection);
    if (this.#recent.size === 0) this.#deadline.dispose();
  }

  /** Whoever is there now stays. */
  settle(): void {
    this.#deadline.dispose();
    for (const connection of this.#recent) {
      connection.arrivals = undefined;
      connection.keepAlive(KEEP_ALIVE_MS);
    }
    this.#recent.clear();
  }
}
