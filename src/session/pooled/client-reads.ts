/** Whether a client is read from: not while too much of what it sent waits for something. */
import type { Connection } from "../../net/index.ts";

export class ClientReads {
  readonly #client: Connection;
  readonly #isTooMuch: () => boolean;
  isPaused = false;

  /** @param isTooMuch there still is a reason against it; asked before each resumption */
  constructor(client: Connection, isTooMuch: () => boolean) {
    this.#client = client;
    this.#isTooMuch = isTooMuch;
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.#client.pause();
  }

  resume(): void {
    if (!this.isPaused || this.#isTooMuch()) return;
    this.isPaused = false;
    this.#client.resume();
  }
}
