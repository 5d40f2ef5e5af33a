/** The time that one run of a chain has for its handlers' late answers. */
import { GatewayError } from "../errors.ts";
import type { HandlerAnswer, LateAnswer } from "./hook-handler.ts";

/** Calls `callback` once, after `delayMs`, unless the returned function is called first; calling that later does nothing. */
export type Schedule = (delayMs: number, callback: () => void) => () => void;

/** The handler gave no answer that can be used: it threw, rejected or was late. */
export class HandlerFailure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

export interface ChainTime {
  readonly schedule: Schedule;
  /** Milliseconds that never jump back. Default: nobody is told what is left. */
  readonly now?: (() => number) | undefined;
  /** Time for all late answers of one run together; 0 = no limit. */
  readonly timeoutMs: number;
}

/** The answer, or a rejection if it is not there in time; 0 = no limit. */
export function answerWithin(
  schedule: Schedule,
  pending: LateAnswer,
  timeoutMs: number,
): PromiseLike<HandlerAnswer> {
  if (timeoutMs === 0) return pending;
  return new Promise((resolve, reject) => {
    const cancel = schedule(timeoutMs, () => reject(notWithin(timeoutMs)));
    pending.then(
      (answer) => {
        cancel();
        resolve(answer);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

export class ChainDeadline {
  readonly #schedule: Schedule;
  readonly #now: (() => number) | undefined;
  readonly #timeoutMs: number;
  readonly #endMs: number;
  readonly #cancel: () => void;
  #isOver = false;
  #isCalledOff = false;
  /** Ends the wait that is under way, if there is one. */
  #giveUp: (failure: HandlerFailure) => void = () => {};
  /** What is waited for. */
  #pending: LateAnswer | undefined;

  /** Starts the clock; 0 = no limit. {@link cancel} must follow. */
  constructor({ schedule, now, timeoutMs }: ChainTime) {
    this.#schedule = schedule;
    this.#now = now;
    this.#timeoutMs = timeoutMs;
    this.#endMs = (now?.() ?? 0) + timeoutMs;
    this.#cancel = this.#after(timeoutMs, () => {
      this.#isOver = true;
      this.#giveUp(this.failure());
    });
  }

  /** The chain's time is up: whoever has not answered has failed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nobody waits for the run any more. */
  get isCalledOff(): boolean {
    return this.#isCalledOff;
  }

  /** Ends the wait, and tells who is to answer that there is no need to. */
  callOff(): void {
    if (this.#isCalledOff) return;
    this.#isCalledOff = true;
    this.#giveUp(new HandlerFailure(undefined));
    this.#pending?.giveUp?.();
  }

  /** At least a millisecond; undefined without a limit. */
  get leftMs(): number | undefined {
    if (this.#now === undefined || this.#timeoutMs === 0) return undefined;
    return Math.max(1, this.#endMs - this.#now());
  }

  failure(): HandlerFailure {
    return new HandlerFailure(
      tooLate(`the handlers gave no answer within ${this.#timeoutMs} ms together`),
    );
  }

  /** The answer, or the failure if it is a rejection or not there in time. Never rejects. */
  settle(pending: LateAnswer, handlerTimeoutMs: number): Promise<HandlerAnswer | HandlerFailure> {
    this.#pending = pending;
    return new Promise((resolve) => {
      const cancel = this.#after(handlerTimeoutMs, () => {
        resolve(new HandlerFailure(notWithin(handlerTimeoutMs)));
      });
      const finish = (answer: HandlerAnswer | HandlerFailure) => {
        cancel();
        resolve(answer);
      };
      this.#giveUp = finish;
      pending.then(finish, (error: unknown) => finish(new HandlerFailure(error)));
    });
  }

  cancel(): void {
    this.#cancel();
  }

  #after(delayMs: number, callback: () => void): () => void {
    return delayMs > 0 ? this.#schedule(delayMs, callback) : () => {};
  }
}

function notWithin(timeoutMs: number): GatewayError {
  return tooLate(`no answer within ${timeoutMs} ms`);
}

function tooLate(message: string): GatewayError {
  return new GatewayError("ERR_HOOK_TIMEOUT", message);
}
