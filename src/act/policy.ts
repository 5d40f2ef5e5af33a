/** The rule that allows a signal, or does not. */

/** What a policy decides on: the variables of its expression, under the names of the original. */
export interface PolicyInput {
  /** Of the signal. */
  readonly Name: string;
  /** The policy's own metadata. */
  readonly Policy: Readonly<Record<string, unknown>>;
  /** The signal's metadata. */
  readonly Signal: Readonly<Record<string, unknown>>;
  readonly Hook: PolicyHook;
  /** Whether something waits for the action. */
  readonly Sync: boolean;
}

export interface PolicyHook {
  /** As the protocol writes it: `HOOK_NAME_ON_TRAFFIC_FROM_CLIENT`. */
  readonly Name: string;
  /** Whole numbers of expressions are bigints. */
  readonly Priority: bigint;
  /** What the first plugin of the chain was told. */
  readonly Params: Readonly<Record<string, unknown>>;
  /** What the plugin answered that gave the signal. */
  readonly Result: Readonly<Record<string, unknown>>;
}

export interface Policy {
  /** Of the signals it is for. */
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /**
   * The verdict, of any type: see `isTruthy`.
   * @param input is asked for by those who need it: the built-in policies do not
   * @throws anything, when the expression cannot be evaluated
   */
  verdict(signal: Readonly<Record<string, unknown>>, input: () => PolicyInput): unknown;
}

/** The policies that are there without being configured. They are no expressions, and cost nothing. */
export const BUILT_IN_POLICIES: readonly Policy[] = [
  { name: "passthrough", metadata: {}, verdict: () => true },
  {
    name: "terminate",
    metadata: { terminate: "stop" },
    verdict: (signal) => signal["terminate"] === true,
  },
  { name: "log", metadata: { log: "enabled" }, verdict: (signal) => signal["log"] === true },
];

/** The words that mean yes when a verdict is a text. */
const TRUE_WORDS: ReadonlySet<unknown> = new Set(["1", "t", "T", "true", "TRUE", "True"]);

/** Whether a verdict means yes: true, a number but 0, or a word for true. */
export function isTruthy(verdict: unknown): boolean {
  if (typeof verdict === "boolean") return verdict;
  if (typeof verdict === "number") return verdict !== 0 && !Number.isNaN(verdict);
  if (typeof verdict === "bigint") return verdict !== 0n;
  return TRUE_WORDS.has(verdict);
}
