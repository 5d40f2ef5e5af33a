/**
 * Whether the server of a block can be reached, as long as no connection to it tells: a pool that opens connections when
 * clients ask knows nothing before they do. It is only found out whether something listens there; nothing is said to it.
 *
 *   unknown  the first look goes on
 *   there    the last look found something
 *   away     the last look found nothing
 *   closed
 */
import type { Logger } from "../logging/index.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";

export interface ServerReachOptions {
  /** Of the block, for the log. */
  readonly name: string;
  /** Opens a connection and closes it. Rejects when that is not possible. */
  readonly knock: () => Promise<void>;
  /** There are connections: nobody has to knock. */
  readonly isProven: () => boolean;
  /** Time between two looks; 0: there is no second one once the server was there. */
  readonly periodMs: () => number;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

/** A server that is away is looked for so often. */
const AWAY_MS = 1_000;

export class ServerReach {
  readonly #options: ServerReachOptions;
  readonly #next: Deadline;
  #state: "unknown" | "there" | "away" | "closed" = "unknown";
  /** Counts the looks: what an older one finds is not of interest any more. */
  #looks = 0;

  constructor(options: ServerReachOptions) {
    this.#options = options;
    this.#next = options.timers.deadline(() => void this.look());
  }

  /** Nothing listens there, and no connection proves the contrary. */
  get isAway(): boolean {
    return this.#state === "away" && !this.#options.isProven();
  }

  /** Looks now, and from then on every so often. Resolves when it is known. */
  async look(): Promise<void> {
    if (this.#state === "closed") return;
    this.#next.clear();
    const look = ++this.#looks;
    const problem = await this.#problem();
    // It may have been closed, or told to look again, meanwhile.
    if (look !== this.#looks) return;
    this.#found(problem);
    const periodMs = problem === undefined ? this.#options.periodMs() : AWAY_MS;
    if (periodMs > 0) this.#next.set(periodMs);
  }

  close(): void {
    this.#state = "closed";
    this.#looks++;
    this.#next.dispose();
  }

  async #problem(): Promise<unknown> {
    const { isProven, knock } = this.#options;
    if (isProven()) return undefined;
    try {
      await knock();
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  }

  #found(problem: unknown): void {
    const { name, logger } = this.#options;
    const wasAway = this.#state === "away";
    this.#state = problem === undefined ? "there" : "away";
    if (problem !== undefined && !wasAway) {
      logger.error("The server cannot be reached, and no client has asked for it yet", {
        error: problem,
        name,
      });
    }
    if (problem === undefined && wasAway) logger.info("The server can be reached again", { name });
  }
}
