/** What the configuration says of signals and rules, ready to be used. */
import { Act, compileCondition, compilePolicy } from "../act/index.ts";
import type { Policy } from "../act/index.ts";
import { ActionChannel, RuleCounts, createJudge } from "../act/effects/index.ts";
import type { Rule, RuleAction } from "../act/effects/index.ts";
import type { LoadedConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { HookJudge, Schedule } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import { connectionFields } from "../watch/index.ts";
import type { TraceIdOf } from "../watch/index.ts";

type PluginsConfig = LoadedConfig["plugins"];
type RuleConfig = PluginsConfig["rules"][number];

export interface ActParts {
  readonly config: PluginsConfig;
  readonly logger: Logger;
  /** Undefined: nothing is traced. */
  readonly traceIdOf: TraceIdOf | undefined;
  readonly schedule: Schedule;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

export interface BuiltAct {
  readonly act: Act;
  readonly judge: HookJudge;
  /** Undefined without `actionRedis`. Nothing is opened yet. */
  readonly channel: ActionChannel | undefined;
  readonly rules: readonly Rule[];
  /** PostgreSQL's grammar has to be loaded before rules are used. */
  readonly readsTables: boolean;
}

/** @throws GatewayError ERR_CONFIG_INVALID, if the policies and rules have not been checked before */
export function buildAct({ config, logger, traceIdOf, schedule, now }: ActParts): BuiltAct {
  const { actionRedis, actionTimeout, defaultPolicy, policies, policyTimeout, rules } = config;
  const act = new Act({
    policies: policies.map(policyOf),
    defaultPolicy,
    policyTimeoutMs: policyTimeout,
    now,
  });
  const channel = actionRedis.enabled
    ? new ActionChannel({
        address: actionRedis.address,
        channel: actionRedis.channel,
        consumes: actionRedis.consume,
        timeoutMs: actionTimeout,
        schedule,
        now,
        logger,
      })
    : undefined;
  const used = rules.filter(({ enabled }) => enabled).map(ruleOf);
  return {
    act,
    judge: createJudge({
      act,
      logger,
      connectionFields: (session) => ({ ...connectionFields(session, traceIdOf) }),
      ...(channel !== undefined && {
        publish: (output, result) => channel.publish(output, result),
      }),
    }),
    channel,
    rules: used,
    readsTables: used.some(({ condition }) => condition.readsTables),
  };
}

function policyOf(config: PluginsConfig["policies"][number]): Policy {
  const compiled = compilePolicy(config);
  if ("problem" in compiled) throw invalid(`policy ${config.name}: ${compiled.problem}`);
  return compiled.policy;
}

function ruleOf(config: RuleConfig): Rule {
  const compiled = compileCondition(config.condition);
  if ("problem" in compiled) throw invalid(`rule ${config.name}: ${compiled.problem}`);
  return {
    name: config.name,
    hook: config.hook,
    condition: compiled.condition,
    action: actionOf(config),
    isDryRun: config.dryRun,
    counts: new RuleCounts(),
  };
}

function actionOf({ name, terminate, log, rateLimit }: RuleConfig): RuleAction {
  if (terminate !== undefined) return { kind: "terminate", error: terminate };
  if (log !== undefined) return { kind: "log", ...log };
  if (rateLimit === undefined) throw invalid(`rule ${name} has no action`);
  const { per, requests, interval, ...error } = rateLimit;
  return { kind: "rateLimit", per, requests, intervalMs: interval, error };
}

function invalid(message: string): GatewayError {
  return new GatewayError("ERR_CONFIG_INVALID", message);
}
