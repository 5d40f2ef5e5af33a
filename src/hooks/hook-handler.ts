/** What is registered on a hook, and what it may answer. */
import type { TraceContext } from "../tracing/index.ts";
import type { SessionView } from "./session-view.ts";
import type { TrafficTerms } from "./traffic-terms.ts";

/**
 * What a hook is told and what comes out of it: values of a `plugin.v1.Struct` (null, booleans,
 * numbers, strings, bytes as Uint8Array, lists and objects of these). Handlers answer with a new
 * object and never change the one they got.
 */
export type HookPayload = Readonly<Record<string, unknown>>;

/** What a client is told of a request that was ended. */
export interface TerminationError {
  /** Five digits or capital letters. */
  readonly sqlState: string;
  readonly message: string;
}

/** How a request ends: with a response of its own, or with an error. Both may be missing. */
export interface TerminationOptions {
  /** Goes to the client as it is. */
  readonly response?: Uint8Array;
  /** Without a response: in place of `42000`, "Request terminated". */
  readonly error?: TerminationError;
}

/** A handler's wish to end the request here. Made by {@link terminate}. */
export class Termination {
  readonly response: Uint8Array | undefined;
  readonly error: TerminationError | undefined;

  constructor({ response, error }: TerminationOptions) {
    this.response = response;
    this.error = error;
  }
}

/**
 * Answers a hook with: no further handler runs, and the request goes no further. Without a response
 * the gateway says what the moment calls for: an error, ReadyForQuery where it belongs, and at a
 * login the end of the connection.
 */
export function terminate(options: TerminationOptions = {}): Termination {
  return new Termination(options);
}

/** Tells a termination from the other answers. */
export function isTermination(answer: HandlerAnswer): answer is Termination {
  return answer instanceof Termination;
}

/**
 * What a handler answers: nothing or null (the payload stays as it is), keys that replace or join those of
 * the payload, or a termination.
 */
export type HandlerAnswer = HookPayload | Termination | null | void;

/** An answer that is still to come. */
export interface LateAnswer extends PromiseLike<HandlerAnswer> {
  /** Says that nobody waits for it any more; what it comes to then, if anything, is not used. */
  readonly giveUp?: () => void;
}

/** Tells an answer that is still to come from those that are there. */
export function isLate(answer: unknown): answer is LateAnswer {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "then" in answer &&
    typeof answer.then === "function"
  );
}

/**
 * Gets what the handler before it left, the first one what the gateway says. May answer later; then
 * everything that depends on this event waits.
 *
 * @param session undefined for events that are of no session
 * @param leftMs what is left of the time of the whole chain; undefined for all of it, or when that has no end
 * @param trace that the call is a part of; undefined where nobody traces, and where there is none
 */
export type HookHandler = (
  payload: HookPayload,
  session?: SessionView,
  leftMs?: number,
  trace?: TraceContext,
) => HandlerAnswer | LateAnswer;

/** A handler and how it is to be treated. */
export interface HandlerRegistration {
  /** For logs and {@link HookOutcome}: the plugin's name. */
  readonly name: string;
  /** Handlers run from the lowest to the highest; one hook has one handler of a priority. */
  readonly priority: number;
  readonly handler: HookHandler;
  /**
   * After a failure (thrown, rejected, too late): `continue` as if the handler had said nothing, or
   * `terminate` without a response. Either way it stays registered.
   */
  readonly onError: "continue" | "terminate";
  /** Time for one answer, within that of the whole chain. Default: none of its own. */
  readonly timeoutMs?: number;
  /** For the traffic hooks. */
  readonly traffic?: TrafficTerms;
  /** Its answers have been judged already, without signals that would still count. Default false. */
  readonly isJudged?: boolean;
}

/** What a chain, or one handler of it, made of an event. */
export type HookOutcome =
  | { readonly kind: "continue"; readonly payload: HookPayload }
  | {
      readonly kind: "terminate";
      readonly response: Uint8Array | undefined;
      readonly error?: TerminationError | undefined;
      /** Name of the handler that ended it. */
      readonly by: string;
    };
