/** What judging a signal came to, in the form that the original publishes. */

export interface Output {
  readonly matchedPolicy: string;
  /** The signal's. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly verdict: unknown;
  readonly terminal: boolean;
  readonly sync: boolean;
}

/** The reserved keys of results and parameters of actions. */
export const ReservedKey = {
  Outputs: "__outputs__",
  Terminal: "__terminal__",
  Logger: "__logger__",
  Result: "__result__",
} as const;

/** The result that actions are given: the plugin's answer, the outputs, and whether it ends here. */
export function resultWithOutputs(
  result: Readonly<Record<string, unknown>>,
  { outputs, isTerminal }: Decision,
): Readonly<Record<string, unknown>> {
  return {
    ...result,
    [ReservedKey.Outputs]: outputs,
    ...(isTerminal && { [ReservedKey.Terminal]: true }),
  };
}

/** What becomes of one answer of a plugin. */
export interface Decision {
  readonly outputs: readonly Output[];
  /** The request ends with this plugin. */
  readonly isTerminal: boolean;
}
