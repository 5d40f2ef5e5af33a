/** How the wishes of plugins are judged: what an answer asks for beside a changed payload. */
import type { HookPayload } from "./hook-handler.ts";
import type { HookName } from "./hook-names.ts";
import type { SessionView } from "./session-view.ts";

/** Handlers of a lower priority are the gateway's own; they are not judged. */
export const FIRST_PLUGIN_PRIORITY = 1000;

/** The key of an answer that holds its signals. No handler sees those of another one. */
export const SIGNALS_KEY = "__signals__";

/** One answer of one plugin. */
export interface JudgedAnswer {
  readonly hook: HookName;
  /** Of the handler. */
  readonly name: string;
  readonly priority: number;
  /** Whose event it is; undefined for events that are of no session. */
  readonly session: SessionView | undefined;
  /** What the first handler of the chain was told. */
  readonly params: HookPayload;
  /** What the handler has made of it, without signals. */
  readonly result: HookPayload;
  /** As the plugin gave them; undefined for none. */
  readonly signals: unknown;
}

export interface HookJudge {
  /** Answers without signals are judged as well. */
  readonly mindsSilence: boolean;
  /** Has done whatever the answer asks for, and says whether the chain ends here. Must not throw. */
  isTerminal(answer: JudgedAnswer): boolean;
}
