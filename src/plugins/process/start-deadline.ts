/** The time a plugin has to start, and the caller's right to give it up earlier. */
import { GatewayError } from "../../errors.ts";

/** A timer of a longer time fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class StartDeadline {
  /** Aborts when the time is up, or the caller wants to wait no longer. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #caller: AbortSignal;

  /** Starts the clock, with a time of 0 none; {@link dispose} must follow. */
  constructor(caller: AbortSignal, timeoutMs: number) {
    this.signal = this.#controller.signal;
    this.#caller = caller;
    const tooLate = (): void => {
      const text = `it did not start within ${timeoutMs} ms`;
      this.#controller.abort(new GatewayError("ERR_PLUGIN_TIMEOUT", text));
    };
    if (timeoutMs > 0) this.#timer = setTimeout(tooLate, Math.min(timeoutMs, LONGEST_TIMER_MS));
    if (caller.aborted) this.#giveUp();
    else caller.addEventListener("abort", this.#giveUp, { once: true });
  }

  /** What the promise says, unless the time is up before. */
  async orAborted<T>(promise: Promise<T>): Promise<T> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(this.signal.reason);
    if (this.signal.aborted) abort();
    this.signal.addEventListener("abort", abort, { once: true });
    // Whichever of the two comes later has nobody who listens.
    promise.catch(() => {});
    try {
      return await Promise.race([aborted, promise]);
    } finally {
      this.signal.removeEventListener("abort", abort);
    }
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#giveUp);
  }

  readonly #giveUp = (): void => {
    this.#controller.abort(
      new GatewayError("ERR_PLUGIN_START_ABORTED", "its start was given up", {
        cause: this.#caller.reason,
      }),
    );
  };
}
