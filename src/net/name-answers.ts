/** What the name of a server has stood for: tells which connections lead to where it no longer points. */
import type { Logger } from "../logging/index.ts";
import type { Address } from "./address.ts";
import type { Clock } from "./timer-wheel.ts";

/** An address that is back so soon after it had left takes turns with others. */
const TURN_MS = 10 * 60_000;
/** Of addresses that have left so many are remembered. */
const MAX_LEFT = 100;

export interface NameAnswersOptions {
  /** The block, for messages. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The answers of one name, one after the other. An address that is missing from the last one has left:
 * the name was moved. Not so while a name server hands addresses out in turn: then all of them count.
 */
export class NameAnswers {
  readonly #options: NameAnswersOptions;
  #current: readonly string[] = [];
  /** When each address left that has not come back, the longest gone first. */
  readonly #leftAtMs = new Map<string, number>();
  /** Those of them that connections should be given up for. */
  readonly #departed = new Set<string>();
  /** When an address came back last that had left only just. */
  #turnAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: NameAnswersOptions) {
    this.#options = options;
  }

  /** Takes in what the name stands for now. To be called when one of the addresses was reached. */
  record(addresses: readonly Address[]): void {
    const hosts = addresses.flatMap((address) => (address.kind === "tcp" ? [address.host] : []));
    const nowMs = this.#options.clock.now();
    for (const host of hosts) this.#returned(host, nowMs);
    const left = this.#current.filter((host) => !hosts.includes(host));
    this.#current = hosts;
    for (const host of left) this.#leftAtMs.set(host, nowMs);
    if (nowMs - this.#turnAtMs < TURN_MS) this.#departed.clear();
    else this.#giveUp(left);
    this.#forget();
  }

  /** Whether the name does not stand for this address any more. Cheap: asked whenever a backend is free. */
  hasLeft(address: Address): boolean {
    return this.#departed.size > 0 && address.kind === "tcp" && this.#departed.has(address.host);
  }

  #returned(host: string, nowMs: number): void {
    const leftAtMs = this.#leftAtMs.get(host);
    if (leftAtMs === undefined) return;
    this.#leftAtMs.delete(host);
    this.#departed.delete(host);
    if (nowMs - leftAtMs < TURN_MS) this.#turnAtMs = nowMs;
  }

  #giveUp(left: readonly string[]): void {
    if (left.length === 0) return;
    for (const host of left) this.#departed.add(host);
    const { name, logger } = this.#options;
    logger.info(
      "The server's name has other addresses now, connections to the old ones are replaced",
      {
        name,
        addresses: this.#current,
        left,
      },
    );
  }

  #forget(): void {
    for (const host of this.#leftAtMs.keys()) {
      if (this.#leftAtMs.size <= MAX_LEFT) return;
      this.#leftAtMs.delete(host);
      this.#departed.delete(host);
    }
  }
}
