/** What can be done about a signal. */

export interface Action {
  /** The signal and the policy that it belongs to have the same name. */
  readonly name: ActionName;
  /** What comes next waits for it; otherwise it happens beside the traffic. */
  readonly isSync: boolean;
  /** It ends the request: no further plugin is asked. */
  readonly isTerminal: boolean;
}

export type ActionName = "passthrough" | "terminate" | "log";

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["passthrough", { name: "passthrough", isSync: true, isTerminal: false }],
  ["terminate", { name: "terminate", isSync: true, isTerminal: true }],
  ["log", { name: "log", isSync: false, isTerminal: false }],
]);

/** The action of a name; undefined if there is none. */
export function actionOf(name: string): Action | undefined {
  return ACTIONS.get(name);
}
