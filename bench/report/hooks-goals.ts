import type { Goal } from "../result.ts";
import { noFailures, OURS, type Unjudged } from "./goals.ts";
import { share, shareGoal } from "./modes-goals.ts";

/** 2.5 and 3 times what GatewayD reaches with a plugin that does nothing: 0.07 of direct with 1 client, 0.08 with 16. */
const GO_OF_DIRECT = { one: 0.175, sixteen: 0.24 } as const;

const GOALS = [
  share("simple, 16 clients", "throughput", "gatewayd-module", OURS, 0.9),
  share("simple, 16 clients", "throughput", "gatewayd-worker", OURS, 0.5),
  share("simple, 1 client", "throughput", "gatewayd-go", "direct", GO_OF_DIRECT.one),
  share("simple, 16 clients", "throughput", "gatewayd-go", "direct", GO_OF_DIRECT.sixteen),
  share("simple, 16 clients", "throughput", "gatewayd-answering", "direct", 1),
];

/** The goals of plugins on the traffic. */
export function hooksGoals(result: Unjudged): readonly Goal[] {
  return [...noFailures(result), ...GOALS.flatMap((goal) => shareGoal(result, goal))];
}
