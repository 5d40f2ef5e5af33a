/** What comes of a handler's answer when what plugins ask for is judged. */
import { Termination } from "./hook-handler.ts";
import type { HandlerAnswer, HandlerRegistration, HookPayload } from "./hook-handler.ts";
import { FIRST_PLUGIN_PRIORITY, SIGNALS_KEY } from "./hook-judge.ts";
import type { HookJudge } from "./hook-judge.ts";
import type { HookName } from "./hook-names.ts";
import type { SessionView } from "./session-view.ts";

/** What was asked of a handler. */
export interface AskedOfHandler {
  readonly hook: HookName;
  readonly handler: Pick<HandlerRegistration, "name" | "priority">;
  readonly session: SessionView | undefined;
  /** What the first handler of the chain was told. */
  readonly params: HookPayload;
  /** What this one was told. */
  readonly payload: HookPayload;
}

/** What a plugin asks for that terminates by {@link Termination}. */
const TERMINATE_SIGNAL = { name: "terminate", metadata: { terminate: true } };

/** The answer without its signals; a termination if, and only if, what it asks for ends the event. */
export function judgedAnswer(
  judge: HookJudge,
  { hook, handler, session, params, payload }: AskedOfHandler,
  answer: HandlerAnswer,
): HandlerAnswer {
  const { name, priority } = handler;
  if (priority < FIRST_PLUGIN_PRIORITY) return answer;
  const isSilent = !(answer instanceof Termination) && answer?.[SIGNALS_KEY] === undefined;
  if (isSilent && !judge.mindsSilence) return answer;
  const asked = { hook, name, priority, session, params };
  if (answer instanceof Termination) {
    const result = answer.response === undefined ? {} : { response: answer.response };
    const signals = [TERMINATE_SIGNAL];
    return judge.isTerminal({ ...asked, result, signals }) ? answer : undefined;
  }
  const { [SIGNALS_KEY]: signals, ...changes } = answer ?? {};
  const result = { ...payload, ...changes };
  if (!judge.isTerminal({ ...asked, result, signals })) return changes;
  const response = changes["response"];
  return new Termination(response instanceof Uint8Array ? { response } : {});
}
