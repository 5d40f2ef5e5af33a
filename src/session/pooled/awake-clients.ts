/**
 * The clients of one block that have a relay. Each is looked at from time to time, and sent to rest when it has
 * asked for nothing between two looks: that needs no timer of its own, and nothing at all for each message.
 */
import type { Deadline, TimerWheel } from "../../net/index.ts";

/** A client that is awake. */
export interface Wakeful {
  /** Rests, if it may, and has asked for nothing since this was called last. */
  restIfIdle(): void;
}

/** So long a client has nothing to do before it rests; up to twice of it. */
const LOOK_MS = 5_000;

export class AwakeClients {
  readonly #clients = new Set<Wakeful>();
  readonly #look: Deadline;

  constructor(timers: TimerWheel) {
    this.#look = timers.deadline(() => {
      for (const client of this.#clients) client.restIfIdle();
      if (this.#clients.size > 0) this.#look.set(LOOK_MS);
    });
  }

  get size(): number {
    return this.#clients.size;
  }

  add(client: Wakeful): void {
    this.#clients.add(client);
    if (!this.#look.isSet) this.#look.set(LOOK_MS);
  }

  /** It rests, or is gone. */
  remove(client: Wakeful): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#look.clear();
  }
}
