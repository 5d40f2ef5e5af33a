/**
 * How long a client that has sent its last byte keeps its server.
 *
 *   the server is not read from     no limit: it cannot be asked to hurry
 *   nothing runs                    SERVER_CLOSE_MS, in which the server should close
 *   it said Terminate, but behind
 *   a request that still runs       no limit: the server finishes that first, as it does without us
 *   a request runs                  GRACE_MS from the last piece of its answer
 */
import type { Deadline, TimerWheel } from "../net/index.ts";

/** The client may only have finished sending: an answer may still come for so long. */
const GRACE_MS = 500;
const SERVER_CLOSE_MS = 5_000;

/** The connection that is half closed. */
export interface HalfClosedTraffic {
  readonly isQueryRunning: boolean;
  readonly isServerPaused: boolean;
  readonly hasTerminated: boolean;
}

export class HalfClosedLimit {
  readonly #traffic: HalfClosedTraffic;
  readonly #deadline: Deadline;

  constructor(traffic: HalfClosedTraffic, timers: TimerWheel, onExpire: () => void) {
    this.#traffic = traffic;
    this.#deadline = timers.deadline(onExpire);
    this.follow();
  }

  /** Call whenever the server has said something, or is read from again or not. */
  follow(): void {
    const { isQueryRunning, isServerPaused, hasTerminated } = this.#traffic;
    if (isServerPaused || (isQueryRunning && hasTerminated)) this.#deadline.clear();
    else this.#deadline.set(isQueryRunning ? GRACE_MS : SERVER_CLOSE_MS);
  }

  dispose(): void {
    this.#deadline.dispose();
  }
}
