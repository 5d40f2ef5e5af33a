/**
 * How many clients may come: `maxConnections` of each group, and together no more than the limit of
 * open files allows. Bun spins on a full descriptor table, so it must never fill up.
 */
import { readFileSync } from "node:fs";
import { GatewayError } from "../errors.ts";
import type { Admission, Budget } from "../session/index.ts";

/** Sockets beyond the limit that are open just long enough to be told so. */
const REFUSAL_RESERVE = 64;
/** Descriptors for everything that is neither a client nor a backend: files, cancels, timers. */
const OTHER_DESCRIPTORS = 64;

/** The soft limit of open files of this process; undefined where the system does not tell. */
export function openFilesLimit(): number | undefined {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined; // Not Linux: the configured limit is all there is.
  }
}

/** The part of the budget that all groups of a process share. */
export class DescriptorBudget {
  /** How many clients the descriptors are enough for; infinite where no limit is known. */
  maxClients: number;
  clients = 0;
  refusals = 0;
  readonly #limit: number | undefined;

  /** @throws GatewayError ERR_CONFIG_INVALID when there is no room for a single client */
  constructor(backends: number, limit: number | undefined = openFilesLimit()) {
    this.#limit = limit;
    this.maxClients = this.roomBeside(backends);
  }

  /**
   * How many clients there may be beside so many server connections.
   * @throws GatewayError ERR_CONFIG_INVALID when there is no room for a single one
   */
  roomBeside(backends: number): number {
    if (this.#limit === undefined) return Number.POSITIVE_INFINITY;
    const room = this.#limit - backends - REFUSAL_RESERVE - OTHER_DESCRIPTORS;
    if (room > 0) return room;
    throw new GatewayError(
      "ERR_CONFIG_INVALID",
      `the limit of open files (${this.#limit}) leaves no room for clients beside ${backends} server ` +
        `connections: raise it (ulimit -n, LimitNOFILE) or lower pools.<group>.<block>.size`,
    );
  }
}

/** The budget of one group. */
export class ConnectionBudget implements Budget {
  /** What is in force: the smaller of the configured limit and what the descriptors allow. */
  maxConnections = 0;
  readonly #shared: DescriptorBudget;
  #clients = 0;

  constructor(maxConnections: number, shared: DescriptorBudget) {
    this.#shared = shared;
    this.limit(maxConnections);
  }

  /** From now on; whoever is there stays. */
  limit(maxConnections: number): void {
    this.maxConnections = Math.min(maxConnections, this.#shared.maxClients);
  }

  admit(): "admitted" | "overLimit" | "refused" {
    const shared = this.#shared;
    if (this.#clients < this.maxConnections && shared.clients < shared.maxClients) {
      this.#clients++;
      shared.clients++;
      return "admitted";
    }
    if (shared.refusals >= REFUSAL_RESERVE) return "refused";
    shared.refusals++;
    return "overLimit";
  }

  exempt(admission: Admission): Admission {
    if (admission !== "admitted") return admission;
    this.#clients--;
    return "exempt";
  }

  release(admission: Admission): void {
    if (admission === "overLimit") {
      this.#shared.refusals--;
      return;
    }
    if (admission === "admitted") this.#clients--;
    this.#shared.clients--;
  }
}
