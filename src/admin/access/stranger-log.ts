/** Tells the log of whoever shows a token or a certificate that is not known: a guess, or one that has been taken out. */
import type { Logger } from "../../logging/index.ts";
import type { Credentials } from "./gatekeeper.ts";

/** Whoever tries many does not fill the log: one in so long is told of, and how many were not. */
const PAUSE_MS = 1_000;

export class StrangerLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  #toldAtMs = -Infinity;
  #untold = 0;

  /** @param now in ms, a clock that only goes forward */
  constructor(logger: Logger, now: () => number) {
    this.#logger = logger;
    this.#now = now;
  }

  came({ door, address, authorization }: Credentials): void {
    const nowMs = this.#now();
    if (nowMs - this.#toldAtMs < PAUSE_MS) {
      this.#untold++;
      return;
    }
    this.#logger.warn("An administrator is not known", {
      door,
      address,
      shown: authorization === undefined ? "certificate" : "token",
      ...(this.#untold > 0 && { untold: this.#untold }),
    });
    this.#toldAtMs = nowMs;
    this.#untold = 0;
  }
}
