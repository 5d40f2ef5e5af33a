/**
 * The handlers of one hook in their order. A chain never changes: registering and unregistering make
 * a new one, and a run under way ends with the handlers it began with, so that nothing slips past a
 * handler which is being replaced.
 */
import { ChainDeadline, HandlerFailure } from "./chain-deadline.ts";
import type { Schedule } from "./chain-deadline.ts";
import { Termination } from "./hook-handler.ts";
import type {
  HandlerAnswer,
  HandlerRegistration,
  HookOutcome,
  HookPayload,
} from "./hook-handler.ts";
import type { HookName } from "./hook-names.ts";
import type { SessionView } from "./session-view.ts";

export interface HookChainOptions {
  readonly hook: HookName;
  readonly schedule: Schedule;
  /** Time for all late answers of one run together; 0 = no limit. */
  readonly timeoutMs: number;
  /** Told of every failure of a handler; must not throw. */
  readonly onHandlerError: (hook: HookName, name: string, error: unknown) => void;
}

export class HookChain {
  /** In the order they run. */
  readonly handlers: readonly HandlerRegistration[];
  readonly #options: HookChainOptions;

  constructor(handlers: readonly HandlerRegistration[], options: HookChainOptions) {
    this.handlers = handlers;
    this.#options = options;
  }

  /**
   * Shows the payload to the handlers, one after the other. The outcome comes at once if every
   * handler answers at once, else as a promise. Neither throws nor rejects.
   *
   * @param session that the event is of
   */
  run(payload: HookPayload, session?: SessionView): HookOutcome | Promise<HookOutcome> {
    let outcome: HookOutcome = { kind: "continue", payload };
    for (const [index, handler] of this.handlers.entries()) {
      const answer = call(handler, outcome.payload, session);
      if (isPending(answer)) return this.#runLate(index, outcome.payload, session, answer);
      outcome = this.#judge(handler, outcome.payload, answer);
      if (outcome.kind === "terminate") break;
    }
    return outcome;
  }

  /** Goes on from a handler that answers later. */
  async #runLate(
    startIndex: number,
    payload: HookPayload,
    session: SessionView | undefined,
    pending: PromiseLike<HandlerAnswer>,
  ): Promise<HookOutcome> {
    const deadline = new ChainDeadline(this.#options.schedule, this.#options.timeoutMs);
    let outcome: HookOutcome = { kind: "continue", payload };
    let answer: HandlerAnswer | HandlerFailure | PromiseLike<HandlerAnswer> = pending;
    for (const [index, handler] of this.handlers.entries()) {
      if (index < startIndex) continue;
      if (index > startIndex) {
        answer = deadline.isOver ? deadline.failure() : call(handler, outcome.payload, session);
      }
      if (isPending(answer)) answer = await deadline.settle(answer, handler.timeoutMs ?? 0);
      outcome = this.#judge(handler, outcome.payload, answer);
      if (outcome.kind === "terminate") break;
    }
    deadline.cancel();
    return outcome;
  }

  #judge(
    handler: HandlerRegistration,
    payload: HookPayload,
    answer: HandlerAnswer | HandlerFailure,
  ): HookOutcome {
    if (answer instanceof Termination) {
      return { kind: "terminate", response: answer.response, by: handler.name };
    }
    if (!(answer instanceof HandlerFailure)) {
      return { kind: "continue", payload: answer ? { ...payload, ...answer } : payload };
    }
    this.#options.onHandlerError(this.#options.hook, handler.name, answer.error);
    return handler.onError === "terminate"
      ? { kind: "terminate", response: undefined, by: handler.name }
      : { kind: "continue", payload };
  }
}

function call(
  { handler }: HandlerRegistration,
  payload: HookPayload,
  session: SessionView | undefined,
): HandlerAnswer | PromiseLike<HandlerAnswer> | HandlerFailure {
  try {
    return handler(payload, session);
  } catch (error) {
    return new HandlerFailure(error);
  }
}

function isPending(
  answer: HandlerAnswer | PromiseLike<HandlerAnswer> | HandlerFailure,
): answer is PromiseLike<HandlerAnswer> {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "then" in answer &&
    typeof answer.then === "function"
  );
}
