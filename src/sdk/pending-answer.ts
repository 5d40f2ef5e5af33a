import type { HandlerAnswer } from "../hooks/index.ts";

/** Whether a handler answers later. */
export function isPendingAnswer(
  answer: HandlerAnswer | PromiseLike<HandlerAnswer>,
): answer is PromiseLike<HandlerAnswer> {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "then" in answer &&
    typeof answer.then === "function"
  );
}
