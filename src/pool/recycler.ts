/**
 * Replaces idle backends before they grow too old, one at a time: the next when the new one is
 * there. PostgreSQL drops connections that have not logged in within its `authentication_timeout`.
 */
import type { Backend } from "../backend/index.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";

/** A backend is due at this part of the period, */
const DUE_AT = 0.75;
/** less up to this part of that, so that the replacements of many gateways do not coincide. */
const JITTER = 0.1;

export interface RecyclerOptions {
  /** `healthCheckPeriod`, as it is now; 0 = never. */
  readonly periodMs: () => number;
  readonly timers: TimerWheel;
  readonly random: () => number;
  /** The idle backend that was dialled first. */
  readonly oldest: () => Backend | undefined;
  /** Puts another in its place. Must not reject. */
  readonly replace: (backend: Backend) => Promise<void>;
}

export class Recycler {
  readonly #options: RecyclerOptions;
  readonly #deadline: Deadline;
  #isReplacing = false;
  #isClosed = false;

  constructor(options: RecyclerOptions) {
    this.#options = options;
    this.#deadline = options.timers.deadline(() => void this.#replaceDue());
  }

  /** To be called when a backend has become idle. */
  arm(): void {
    const { periodMs, oldest, random } = this.#options;
    if (this.#deadline.isSet || this.#isReplacing || this.#isClosed || periodMs() === 0) return;
    const backend = oldest();
    if (backend !== undefined) this.#deadline.set(this.#dueInMs(backend) * (1 - JITTER * random()));
  }

  /** The period is another one. */
  reconfigured(): void {
    this.#deadline.clear();
    this.arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#deadline.dispose();
  }

  #dueInMs(backend: Backend): number {
    const { periodMs, timers } = this.#options;
    return Math.max(0, backend.dialledAtMs + periodMs() * DUE_AT - timers.clock.now());
  }

  async #replaceDue(): Promise<void> {
    this.#isReplacing = true;
    for (;;) {
      const periodMs = this.#options.periodMs();
      const slackMs = periodMs * DUE_AT * JITTER;
      const backend = periodMs === 0 ? undefined : this.#options.oldest();
      if (backend === undefined || this.#isClosed || this.#dueInMs(backend) > slackMs) break;
      await this.#options.replace(backend);
    }
    this.#isReplacing = false;
    this.arm();
  }
}
