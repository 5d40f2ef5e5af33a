/**
 * The handlers of one hook in their order. A chain never changes: registering and unregistering make
 * a new one, and a run under way ends with the handlers it began with, so that nothing slips past a
 * handler which is being replaced.
 */
import type { CallOff } from "./call-off.ts";
import { ChainDeadline, HandlerFailure } from "./chain-deadline.ts";
import type { ChainTime } from "./chain-deadline.ts";
import { Termination, isLate } from "./hook-handler.ts";
import type {
  HandlerAnswer,
  HandlerRegistration,
  HookOutcome,
  HookPayload,
  LateAnswer,
  TerminationOptions,
} from "./hook-handler.ts";
import type { HookJudge } from "./hook-judge.ts";
import type { HookName } from "./hook-names.ts";
import { judgedAnswer } from "./judged-answer.ts";
import type { HookWatch } from "../watch/index.ts";
import { FIRST_PLUGIN_PRIORITY } from "./hook-judge.ts";
import type { SessionView } from "./session-view.ts";

export interface HookChainOptions extends ChainTime {
  readonly hook: HookName;
  /** Told of every failure of a handler; must not throw. */
  readonly onHandlerError: (
    hook: HookName,
    name: string,
    error: unknown,
    session: SessionView | undefined,
  ) => void;
  /** Default: the signals of plugins mean nothing, and whoever terminates may. */
  readonly judge?: HookJudge | undefined;
  /** Undefined when nobody watches. */
  readonly watch?: HookWatch | undefined;
}

export class HookChain {
  /** In the order they run. */
  readonly handlers: readonly HandlerRegistration[];
  /** The smallest that a handler wishes for its {@link TrafficTerms}; undefined when none wishes. */
  readonly bufferBytes: number | undefined;
  readonly flushIntervalMs: number | undefined;
  readonly batchBytes: number | undefined;
  readonly #options: HookChainOptions;

  constructor(handlers: readonly HandlerRegistration[], options: HookChainOptions) {
    this.handlers = handlers;
    this.bufferBytes = smallest(handlers.map(({ traffic }) => traffic?.bufferBytes));
    this.flushIntervalMs = smallest(handlers.map(({ traffic }) => traffic?.flushIntervalMs));
    this.batchBytes = smallest(handlers.map(({ traffic }) => traffic?.batchBytes));
    this.#options = options;
  }

  /** The same chain of handlers that are wrapped. */
  with(wrap: (registration: HandlerRegistration) => HandlerRegistration): HookChain {
    return new HookChain(this.handlers.map(wrap), this.#options);
  }

  /**
   * Shows the payload to the handlers, one after the other. The outcome comes at once if every
   * handler answers at once, else as a promise. Neither throws nor rejects.
   *
   * @param session that the event is of
   * @param callOff by which it may be ended before its time
   */
  run(
    params: HookPayload,
    session?: SessionView,
    callOff?: CallOff,
  ): HookOutcome | Promise<HookOutcome> {
    // Most handlers have nothing to say, most of the time.
    const isSilenceMinded = this.#options.judge?.mindsSilence === true;
    const { hook } = this.#options;
    this.#options.watch?.ran(hook);
    let payload = params;
    let index = 0;
    for (const handler of this.handlers) {
      const watch = this.#watchOf(handler);
      const begun = watch?.began(hook, handler.name, session);
      const answer = call(handler, payload, session);
      if (watch !== undefined && !isLate(answer)) this.#ended(handler, session, begun, answer);
      const isSilent = answer === undefined || answer === null;
      if (!isSilent || isSilenceMinded) {
        if (isLate(answer)) {
          return this.#runLate({ index, params, payload, session, begun, answer }, callOff);
        }
        const outcome = this.#judge(handler, params, payload, answer, session);
        if (outcome.kind === "terminate") return outcome;
        payload = outcome.payload;
      }
      index++;
    }
    return { kind: "continue", payload };
  }

  /** Goes on from a handler that answers later. */
  async #runLate(begun: BegunRun, callOff: CallOff | undefined): Promise<HookOutcome> {
    const { index: startIndex, params, session } = begun;
    const { hook } = this.#options;
    let watched = begun.begun;
    const deadline = new ChainDeadline(this.#options);
    callOff?.follow(deadline);
    let outcome: HookOutcome = { kind: "continue", payload: begun.payload };
    let answer: HandlerAnswer | HandlerFailure | LateAnswer = begun.answer;
    for (const [index, handler] of this.handlers.entries()) {
      if (index < startIndex) continue;
      if (index > startIndex) {
        watched = this.#watchOf(handler)?.began(hook, handler.name, session);
        answer = deadline.isOver
          ? deadline.failure()
          : call(handler, outcome.payload, session, deadline.leftMs);
      }
      if (isLate(answer)) answer = await deadline.settle(answer, handler.timeoutMs ?? 0);
      this.#ended(handler, session, watched, deadline.isCalledOff ? undefined : answer);
      if (deadline.isCalledOff) break;
      outcome = this.#judge(handler, params, outcome.payload, answer, session);
      if (outcome.kind === "terminate") break;
    }
    deadline.cancel();
    callOff?.follow(undefined);
    return outcome;
  }

  /** What the gateway itself has among the handlers, for its log and its rules, is none of a plugin's. */
  #watchOf({ priority }: HandlerRegistration): HookWatch | undefined {
    return priority < FIRST_PLUGIN_PRIORITY ? undefined : this.#options.watch;
  }

  #ended(
    handler: HandlerRegistration,
    session: SessionView | undefined,
    begun: unknown,
    answer: HandlerAnswer | HandlerFailure,
  ): void {
    const hasFailed = answer instanceof HandlerFailure;
    const watch = this.#watchOf(handler);
    watch?.ended(this.#options.hook, handler.name, session, begun, hasFailed);
  }

  #judge(
    handler: HandlerRegistration,
    params: HookPayload,
    payload: HookPayload,
    answer: HandlerAnswer | HandlerFailure,
    session: SessionView | undefined,
  ): HookOutcome {
    if (answer instanceof HandlerFailure) return this.#failed(handler, payload, answer, session);
    const { hook, judge } = this.#options;
    const judged =
      judge === undefined || handler.isJudged === true
        ? answer
        : judgedAnswer(judge, { hook, handler, session, params, payload }, answer);
    if (judged instanceof Termination) return ended(handler, judged);
    return { kind: "continue", payload: judged ? { ...payload, ...judged } : payload };
  }

  #failed(
    handler: HandlerRegistration,
    payload: HookPayload,
    { error }: HandlerFailure,
    session: SessionView | undefined,
  ): HookOutcome {
    this.#options.onHandlerError(this.#options.hook, handler.name, error, session);
    return handler.onError === "terminate" ? ended(handler, {}) : { kind: "continue", payload };
  }
}

/** A run whose answer of the handler at an index is pending. */
interface BegunRun {
  readonly index: number;
  readonly params: HookPayload;
  /** What the handlers before it have left. */
  readonly payload: HookPayload;
  readonly session: SessionView | undefined;
  /** What the watcher has said of its call. */
  readonly begun: unknown;
  readonly answer: LateAnswer;
}

function ended({ name }: HandlerRegistration, how: TerminationOptions | Termination): HookOutcome {
  return { kind: "terminate", response: how.response, error: how.error, by: name };
}

function smallest(wishes: readonly (number | undefined)[]): number | undefined {
  const wished = wishes.filter((wish) => wish !== undefined);
  return wished.length === 0 ? undefined : Math.min(...wished);
}

function call(
  { handler }: HandlerRegistration,
  payload: HookPayload,
  session: SessionView | undefined,
  leftMs?: number,
): HandlerAnswer | LateAnswer | HandlerFailure {
  try {
    return handler(payload, session, leftMs);
  } catch (error) {
    return new HandlerFailure(error);
  }
}
