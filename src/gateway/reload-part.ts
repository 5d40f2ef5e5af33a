import type { ReloadPlan } from "./reload-plan.ts";

/** A part of the gateway that follows the configuration while it runs. */
export interface ReloadPart {
  /** For the log, when something is wrong with it. */
  readonly name: string;
  /**
   * Does everything that can fail (reading files, opening listeners) and changes nothing that is in effect.
   * @returns undefined when nothing of it changes
   * @throws GatewayError why what the configuration asks for cannot be had: nothing is reloaded then
   */
  prepare(plan: ReloadPlan): PreparedPart | undefined | Promise<PreparedPart | undefined>;
}

/** A sentence each; nothing when all is well. */
export type Shortcomings = readonly string[] | void;

/** Exactly one of the two is called, once. */
export interface PreparedPart {
  /**
   * Puts it into effect, which cannot fail any more. What takes its time goes on by itself.
   * @returns what is not as it was asked for all the same, such as a plugin that does not start; told to whoever reloads
   */
  apply(): Shortcomings | Promise<Shortcomings>;
  /** Another part cannot be had: lets go of what was opened. */
  discard?(): void | Promise<void>;
}
