/** A rule of the configuration: what happens on a hook, and when, without any plugin. */
import type { HookName, TerminationError } from "../../hooks/index.ts";
import type { RecordLevel } from "../../logging/index.ts";
import type { Condition } from "../index.ts";

export interface Rule {
  readonly name: string;
  readonly hook: HookName;
  readonly condition: Condition;
  readonly action: RuleAction;
  /** The log says what would have happened, and nothing does. */
  readonly isDryRun: boolean;
  readonly counts: RuleCounts;
}

/** What became of a rule so far. */
export class RuleCounts {
  /** How often its condition was looked at, was met, and could not be evaluated, which counts as met. */
  evaluations = 0;
  hits = 0;
  failures = 0;
  /** How often it has ended a request or logged one, or would have. */
  actions = 0;
}

export type RuleAction =
  | { readonly kind: "terminate"; readonly error: TerminationError }
  | { readonly kind: "log"; readonly level: RecordLevel; readonly message: string }
  | {
      readonly kind: "rateLimit";
      readonly per: "user" | "address" | "fingerprint";
      readonly requests: number;
      readonly intervalMs: number;
      readonly error: TerminationError;
    };
