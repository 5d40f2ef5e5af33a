/** The signals that stop the gateway, in the order they come. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGABRT"] as const;

export class StopSignals {
  readonly #received: NodeJS.Signals[] = [];
  #waiting: ((signal: NodeJS.Signals) => void) | undefined;
  readonly #listener = (signal: NodeJS.Signals): void => {
    if (this.#waiting === undefined) this.#received.push(signal);
    else this.#waiting(signal);
    this.#waiting = undefined;
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  /** The next signal, also one that came before this was called. */
  async next(): Promise<NodeJS.Signals> {
    const received = this.#received.shift();
    if (received !== undefined) return received;
    return await new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** As if the process had got it. */
  raise(signal: NodeJS.Signals): void {
    this.#listener(signal);
  }

  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}
