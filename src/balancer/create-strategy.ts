/** From the configuration of a load balancer to its strategy. */
import { GatewayError } from "../errors.ts";
import { ConsistentHash } from "./consistent-hash.ts";
import type { ConsistentHashOptions } from "./consistent-hash.ts";
import { LeastConnections } from "./least-connections.ts";
import { Random } from "./random.ts";
import { RoundRobin } from "./round-robin.ts";
import type { Strategy } from "./strategy.ts";
import { WeightedRoundRobin } from "./weighted-round-robin.ts";
import type { WeightedBlock } from "./weighted-round-robin.ts";

/** Named as the keys of `servers.<group>.loadBalancer`. */
export interface StrategyOptions {
  /** ROUND_ROBIN, RANDOM, WEIGHTED_ROUND_ROBIN or LEAST_CONNECTIONS. */
  readonly strategy: string;
  /** For messages. */
  readonly group: string;
  /** For WEIGHTED_ROUND_ROBIN: the rule with the condition DEFAULT counts, else the first. */
  readonly rules: readonly {
    readonly condition: string;
    readonly distribution: readonly WeightedBlock[];
  }[];
  /** Clients stay with their block; the strategy chooses for new ones. */
  readonly consistentHash?: ConsistentHashOptions;
  /** Answers numbers from 0 up to but not including 1. */
  readonly random: () => number;
}

/** @throws {GatewayError} ERR_CONFIG_INVALID for an unknown strategy and for missing rules */
export function createStrategy(options: StrategyOptions): Strategy {
  const strategy = createInner(options);
  const { consistentHash } = options;
  return consistentHash === undefined ? strategy : new ConsistentHash(strategy, consistentHash);
}

function createInner({ strategy, group, rules, random }: StrategyOptions): Strategy {
  const place = `servers.${group}.loadBalancer`;
  switch (strategy) {
    case "ROUND_ROBIN":
      return new RoundRobin();
    case "RANDOM":
      return new Random(random);
    case "WEIGHTED_ROUND_ROBIN": {
      const rule = rules.find(({ condition }) => condition === "DEFAULT") ?? rules[0];
      if (rule === undefined) {
        const message = `${place}.loadBalancingRules: ${strategy} needs a rule with the weights`;
        throw new GatewayError("ERR_CONFIG_INVALID", message);
      }
      return new WeightedRoundRobin(rule.distribution);
    }
    case "LEAST_CONNECTIONS":
      return new LeastConnections();
    default: {
      const message = `${place}.strategy: unknown strategy "${strategy}"`;
      throw new GatewayError("ERR_CONFIG_INVALID", message);
    }
  }
}
