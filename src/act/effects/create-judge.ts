/** Joins Act to the chains of hooks: what was decided is done, what went wrong is said. */
import { HOOK_NUMBERS } from "../../hooks/index.ts";
import type { HookJudge, HookName, JudgedAnswer, SessionView } from "../../hooks/index.ts";
import type { LogFields, Logger } from "../../logging/index.ts";
import { evaluationProblem, isTruthy, resultWithOutputs } from "../index.ts";
import type { Act, ActProblem, Decision, Output } from "../index.ts";
import { runLogAction } from "./log-action.ts";

export interface JudgeOptions {
  readonly act: Act;
  readonly logger: Logger;
  /** What records of a session have. Default: nothing. */
  readonly connectionFields?: (session: SessionView) => LogFields;
  /** Takes asynchronous actions. Default: they are done here. */
  readonly publish?: (output: Output, result: Readonly<Record<string, unknown>>) => void;
}

/** The judge of a registry of hooks. */
export function createJudge(options: JudgeOptions): HookJudge {
  const { act, publish, connectionFields = () => ({}) } = options;
  const loggerFor = ({ session }: JudgedAnswer): Logger =>
    session === undefined ? options.logger : options.logger.child(connectionFields(session));
  const doActions = (answer: JudgedAnswer, decision: Decision): void => {
    for (const output of decision.outputs) {
      if (output.sync || !isTruthy(output.verdict)) continue;
      if (publish === undefined) runLogAction(output.metadata, loggerFor(answer));
      else publish(output, resultWithOutputs(answer.result, decision));
    }
  };
  return {
    mindsSilence: act.mindsSilence,
    isTerminal: (answer) => {
      const decision = act.decide({
        hook: PROTOCOL_NAMES[answer.hook],
        priority: answer.priority,
        params: answer.params,
        result: answer.result,
        signals: answer.signals,
        onProblem: (problem) => tell(loggerFor(answer), answer, problem),
      });
      doActions(answer, decision);
      return decision.isTerminal;
    },
  };
}

/** `OnTrafficFromClient` is `HOOK_NAME_ON_TRAFFIC_FROM_CLIENT` in the protocol. */
const PROTOCOL_NAMES = Object.fromEntries(
  Object.keys(HOOK_NUMBERS).map((name) => [
    name,
    `HOOK_NAME${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
  ]),
) as Readonly<Record<HookName, string>>; // The keys are all of them.

function tell(logger: Logger, { hook, name }: JudgedAnswer, problem: ActProblem): void {
  const about = { hook, plugin: name };
  switch (problem.kind) {
    case "noSignal":
      logger.warn("A plugin's signals are not understood", { ...about, reason: problem.message });
      break;
    case "noAction":
      logger.error("No action has the name of a plugin's signal", {
        ...about,
        signal: problem.signal,
      });
      break;
    case "overruled":
      logger.warn("A signal is ignored beside one that terminates", {
        ...about,
        signal: problem.signal,
      });
      break;
    case "policyFailed":
      logger.error("A policy could not be evaluated, and its signal is dropped", {
        ...about,
        signal: problem.signal,
        error: evaluationProblem(problem.error),
      });
  }
}
