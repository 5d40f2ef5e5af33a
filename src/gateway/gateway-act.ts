/** What the configuration says of signals and rules, at work: it may say something else while there is traffic. */
import { isDeepStrictEqual } from "node:util";
import { Act, compileCondition, compilePolicy } from "../act/index.ts";
import type { Policy } from "../act/index.ts";
import { ActionChannel, RuleCounts, createJudge, registerRules } from "../act/effects/index.ts";
import type { Rule, RuleAction } from "../act/effects/index.ts";
import type { PoliciesView } from "../admin/index.ts";
import type { PluginsConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type {
  HookJudge,
  HookRegistry,
  JudgedAnswer,
  Schedule,
  SessionView,
} from "../hooks/index.ts";
import type { LogFields, Logger } from "../logging/index.ts";
import { loadSql } from "../sql/index.ts";
import { connectionFields } from "../watch/index.ts";
import type { TraceIdOf } from "../watch/index.ts";
import { policiesSnapshot } from "./policies-snapshot.ts";
import type { PreparedPart, ReloadPart } from "./reload-part.ts";
import type { ReloadPlan } from "./reload-plan.ts";

type RuleConfig = PluginsConfig["rules"][number];

export interface GatewayActOptions {
  readonly config: PluginsConfig;
  readonly logger: Logger;
  /** Undefined: nothing is traced. */
  readonly traceIdOf: TraceIdOf | undefined;
  readonly schedule: Schedule;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

export class GatewayAct implements ReloadPart {
  readonly name = "policies and rules";
  /** For the registry; always judges by what is in effect. */
  readonly judge: HookJudge;
  readonly #options: GatewayActOptions;
  readonly #judge: CurrentJudge;
  #config: PluginsConfig;
  #act: Act;
  /** Undefined without `actionRedis`. */
  #channel: ActionChannel | undefined;
  #rules: readonly Rule[];
  #registry: HookRegistry | undefined;
  #takeRulesOff = (): void => {};
  /** Channels whose place another one has taken. */
  readonly #closing = new Set<Promise<void>>();

  /** Nothing is opened yet. @throws GatewayError ERR_CONFIG_INVALID, if policies and rules have not been checked before */
  constructor(options: GatewayActOptions) {
    const { config } = options;
    this.#options = options;
    this.#config = config;
    this.#rules = rulesOf(config);
    this.#channel = this.#newChannel(config);
    this.#act = this.#newAct(config, policiesOf(config));
    this.#judge = new CurrentJudge(this.#newJudge());
    this.judge = this.#judge;
  }

  /** The policies and rules, and what became of them since they are so. */
  snapshot(): PoliciesView {
    return policiesSnapshot(this.#config, this.#act, this.#rules);
  }

  /** Puts the rules on their hooks. */
  register(registry: HookRegistry): void {
    this.#registry = registry;
    const { logger, now } = this.#options;
    this.#takeRulesOff = registerRules(registry, this.#rules, {
      logger,
      connectionFields: (session) => this.#fieldsOf(session),
      now,
      batchBytes: this.#config.maxHookMessageBytes,
    });
  }

  /** What rules need before they are used. */
  async load(): Promise<void> {
    if (readsTables(this.#rules)) await loadSql();
  }

  /** Connects to Redis, in the background. */
  open(): void {
    this.#channel?.open();
  }

  /**
   * The next answer is judged by the new policies as a whole, and the next event meets the new rules; policies and
   * rules that are all the same go on counting.
   */
  async prepare({ after }: Pick<ReloadPlan, "after">): Promise<PreparedPart> {
    const config = after.plugins;
    const policies = policiesOf(config);
    const rules = rulesOf(config);
    if (readsTables(rules)) await loadSql();
    return { apply: () => this.#apply(config, policies, rules) };
  }

  /** What is under way to Redis has a moment to get there. */
  async close(): Promise<void> {
    await Promise.all([...this.#closing, this.#channel?.close()]);
  }

  #apply(config: PluginsConfig, policies: readonly Policy[], rules: readonly Rule[]): void {
    const before = this.#config;
    this.#config = config;
    const hasSameChannel =
      isDeepStrictEqual(before.actionRedis, config.actionRedis) &&
      before.actionTimeout === config.actionTimeout;
    const former = this.#channel;
    if (!hasSameChannel) this.#channel = this.#newChannel(config);
    const hasSamePolicies =
      isDeepStrictEqual(before.policies, config.policies) &&
      before.defaultPolicy === config.defaultPolicy &&
      before.policyTimeout === config.policyTimeout;
    if (!hasSamePolicies) this.#act = this.#newAct(config, policies);
    this.#judge.current = this.#newJudge();
    const hasSameRules =
      isDeepStrictEqual(before.rules, config.rules) &&
      before.maxHookMessageBytes === config.maxHookMessageBytes;
    if (!hasSameRules) {
      this.#rules = rules;
      this.#takeRulesOff();
      if (this.#registry !== undefined) this.register(this.#registry);
    }
    if (hasSameChannel) return;
    if (former !== undefined) this.#closeLater(former);
    this.#channel?.open();
  }

  /** In records of a session. */
  #fieldsOf(session: SessionView): LogFields {
    return { ...connectionFields(session, this.#options.traceIdOf) };
  }

  #closeLater(channel: ActionChannel): void {
    const closing = channel.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #newChannel({ actionRedis, actionTimeout }: PluginsConfig): ActionChannel | undefined {
    if (!actionRedis.enabled) return undefined;
    const { schedule, now, logger } = this.#options;
    return new ActionChannel({
      address: actionRedis.address,
      channel: actionRedis.channel,
      consumes: actionRedis.consume,
      timeoutMs: actionTimeout,
      schedule,
      now,
      logger,
    });
  }

  #newAct({ defaultPolicy, policyTimeout }: PluginsConfig, policies: readonly Policy[]): Act {
    const { now } = this.#options;
    return new Act({ policies, defaultPolicy, policyTimeoutMs: policyTimeout, now });
  }

  #newJudge(): HookJudge {
    const channel = this.#channel;
    return createJudge({
      act: this.#act,
      logger: this.#options.logger,
      connectionFields: (session) => this.#fieldsOf(session),
      ...(channel !== undefined && {
        publish: (output, result) => channel.publish(output, result),
      }),
    });
  }
}

/** Whoever is to judge now: chains keep the judge that they are built with. */
class CurrentJudge implements HookJudge {
  current: HookJudge;

  constructor(first: HookJudge) {
    this.current = first;
  }

  get mindsSilence(): boolean {
    return this.current.mindsSilence;
  }

  isTerminal(answer: JudgedAnswer): boolean {
    return this.current.isTerminal(answer);
  }
}

function readsTables(rules: readonly Rule[]): boolean {
  return rules.some(({ condition }) => condition.readsTables);
}

function rulesOf({ rules }: PluginsConfig): readonly Rule[] {
  return rules.filter(({ enabled }) => enabled).map(ruleOf);
}

function policiesOf({ policies }: PluginsConfig): readonly Policy[] {
  return policies.map((config) => {
    const compiled = compilePolicy(config);
    if ("problem" in compiled) throw invalid(`policy ${config.name}: ${compiled.problem}`);
    return compiled.policy;
  });
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
