import type { ChainDeadline } from "./chain-deadline.ts";

/**
 * Ends runs of chains that nobody waits for any more. One of these for runs that come one after the other; those that
 * answer at once have no need of it.
 */
export class CallOff {
  #deadline: ChainDeadline | undefined;

  /** Handlers of a run take their time, until it has an outcome: then undefined. Only chains call this. */
  follow(deadline: ChainDeadline | undefined): void {
    this.#deadline = deadline;
  }

  /**
   * The run under way ends, if there is one: its outcome must not be used. The handler that has not answered is told
   * where it can be, and none behind it is called.
   */
  now(): void {
    this.#deadline?.callOff();
    this.#deadline = undefined;
  }
}
