import type { Goal } from "../result.ts";
import { noFailures, OURS, type Unjudged } from "./goals.ts";
import { share, shareGoal } from "./modes-goals.ts";

/** Judged by CPU: throughput scatters more than what is to be seen. */
const GOALS = ["simple", "extended", "prepared"].map((protocol) =>
  share(`${protocol}, 16 clients`, "cpu", "gatewayd-traced-1%", OURS, 1.03),
);

/** The goals of tracing that records little. */
export function tracingGoals(result: Unjudged): readonly Goal[] {
  return [...noFailures(result), ...GOALS.flatMap((goal) => shareGoal(result, goal))];
}
