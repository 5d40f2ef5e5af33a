/** The time limits of a block on its server: `receiveTimeout`, `receiveDeadline`, `sendDeadline`. */
import type { Backend } from "../backend/index.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";
import type { PoolOptions } from "../pool/index.ts";

/** 0 = no limit, for each. */
export type ServerTimes = Pick<
  PoolOptions,
  "receiveTimeoutMs" | "receiveDeadlineMs" | "sendDeadlineMs"
>;

export class ServerLimits {
  readonly #receiveTimeoutMs: number;
  /** The server owes an answer and is silent. */
  readonly #silence: Deadline | undefined;
  /** The backend has lived long enough. */
  readonly #end: Deadline | undefined;

  constructor(backend: Backend, options: ServerTimes, timers: TimerWheel, onExpire: () => void) {
    const { receiveTimeoutMs, receiveDeadlineMs, sendDeadlineMs } = options;
    this.#receiveTimeoutMs = receiveTimeoutMs;
    this.#silence = receiveTimeoutMs > 0 ? timers.deadline(onExpire) : undefined;
    const limitsMs = [receiveDeadlineMs, sendDeadlineMs].filter((limitMs) => limitMs > 0);
    if (limitsMs.length === 0) return;
    const ageMs = timers.clock.now() - backend.dialledAtMs;
    this.#end = timers.after(Math.max(0, Math.min(...limitsMs) - ageMs), onExpire);
  }

  /** Traffic moves a limit. */
  get isTimed(): boolean {
    return this.#silence !== undefined;
  }

  /** Call after every piece of traffic, while {@link isTimed}. */
  follow(owesAnswer: boolean): void {
    if (this.#silence === undefined) return;
    if (owesAnswer) this.#silence.set(this.#receiveTimeoutMs);
    else this.#silence.clear();
  }

  dispose(): void {
    this.#silence?.dispose();
    this.#end?.dispose();
  }
}
