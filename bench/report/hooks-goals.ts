import type { Goal } from "../result.ts";
import { noFailures, OURS, type Unjudged } from "./goals.ts";
import { share, shareGoal, timesGoal } from "./modes-goals.ts";

/**
 * What GatewayD reached with a plugin that does nothing on a machine like this one, where direct connections made 5,450
 * transactions a second with 1 client and 15,000 with 16.
 */
const GATEWAYD = { one: 383, sixteen: 1_219 } as const;

/** 2.5 and 3 times that; the same as shares of what direct connections make. */
const TIMES = { one: 2.5, sixteen: 3 } as const;
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
  const toGatewayd = (load: string, perSecond: number, times: number): readonly Goal[] =>
    timesGoal(result, load, "gatewayd-go", { name: "GatewayD", perSecond }, times);
  return [
    ...noFailures(result),
    ...toGatewayd("simple, 1 client", GATEWAYD.one, TIMES.one),
    ...toGatewayd("simple, 16 clients", GATEWAYD.sixteen, TIMES.sixteen),
    ...GOALS.flatMap((goal) => shareGoal(result, goal)),
  ];
}
