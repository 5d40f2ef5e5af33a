/**
 * How fast a pool may dial, by how its server behaves: many at once while it answers, one at a time with
 * pauses while it does not, and only for clients that wait after it has closed connections by itself.
 */
import type { Deadline } from "../net/index.ts";
import type { PoolOptions } from "./pool-options.ts";

/** Dials at once when a pool fills: enough to be quick, not so many as to storm the server. */
export const FILL_CONCURRENCY = 16;
/** While the server is down or turns us away: first pause between dials, and the longest one. */
const PROBE_MS = 100;
const MAX_PROBE_MS = 1_000;
/**
 * After the server has closed connections by itself, only clients that wait are dialled for, this
 * long. A PostgreSQL that shuts down accepts connections and waits for their startup, and does not
 * end before they do: connections dialled ahead would hold it up for its `authentication_timeout`.
 */
const CAUTION_MS = 2_000;

/** What the pace depends on. */
export type PacingOptions = Pick<PoolOptions, "name" | "size" | "timers" | "random" | "logger">;

export class DialPacing {
  readonly #options: PacingOptions;
  /** Set while nothing is dialled. */
  readonly #pause: Deadline;
  /** Set while the server may be stopping. */
  readonly #caution: Deadline;
  /** Failed dials in a row; 0 while the server can be reached. */
  #failures = 0;
  /** Unused connections that the server closed soon after it had accepted them, in a row. */
  #rejections = 0;

  /** @param onFaster called when more may be dialled than before */
  constructor(options: PacingOptions, onFaster: () => void) {
    this.#options = options;
    this.#pause = options.timers.deadline(onFaster);
    this.#caution = options.timers.deadline(onFaster);
  }

  /** The last dial failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** The server closed connections a moment ago, so that only clients that wait are dialled for. */
  get isCautious(): boolean {
    return this.#caution.isSet;
  }

  /** As many new connections as the pool has places were closed again, one after the other. */
  get isTurnedAway(): boolean {
    return this.#rejections > this.#options.size;
  }

  /** Neither failed the last dial, nor does the server turn us away or may be stopping. */
  get isReached(): boolean {
    return this.#failures === 0 && !this.isTurnedAway && !this.#caution.isSet;
  }

  /** How many dials may go on at once while so many clients wait. */
  limit(waiting: number): number {
    if (this.#pause.isSet) return 0;
    const limit = this.#failures > 0 ? 1 : FILL_CONCURRENCY;
    return this.#caution.isSet ? Math.min(limit, waiting) : limit;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** A client used a connection, and it was not the server that ended that: new ones are served. */
  served(): void {
    this.#rejections = 0;
  }

  failed(): void {
    this.#failures++;
    this.#rest(this.#failures);
  }

  /** The server closed a connection by itself, or said that it serves nobody now. */
  forsaken(): void {
    this.#caution.set(CAUTION_MS);
  }

  /**
   * The server closed a connection that nobody had used, so long after it was dialled: at its time
   * limit, or because it stops. When it turns away the new ones too (a balancer without servers
   * does), dialling goes on with pauses.
   */
  rejected(ageMs: number): void {
    const { name, logger } = this.#options;
    // Once for all that are lost together.
    if (!this.isCautious) logger.warn("The server has closed idle connections", { name });
    this.forsaken();
    this.#rejections = ageMs < MAX_PROBE_MS ? this.#rejections + 1 : 0;
    if (this.isTurnedAway) this.#rest(this.#rejections - this.#options.size);
  }

  dispose(): void {
    this.#pause.dispose();
    this.#caution.dispose();
  }

  /** No more dials for a moment: the longer, the more often it went wrong. */
  #rest(count: number): void {
    if (this.#pause.isSet) return;
    const pauseMs = Math.min(PROBE_MS * 2 ** (count - 1), MAX_PROBE_MS);
    this.#pause.set(pauseMs * (0.8 + 0.4 * this.#options.random()));
  }
}
