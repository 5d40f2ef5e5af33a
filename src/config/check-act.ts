/** Policies and rules: whether they can be compiled, and have an effect. */
import { actionOf, compileCondition, compilePolicy } from "../act/index.ts";
import type { CheckReport } from "./check-report.ts";
import type { Path } from "./config-tree.ts";
import type { PluginsConfig, RuleConfig } from "./schema/index.ts";

/** The actions of a rule; it has one of them. */
const ACTIONS = ["terminate", "log", "rateLimit"] as const;

/** Where something can be ended. */
const ENDING_HOOKS: Readonly<Record<"terminate" | "rateLimit", ReadonlySet<string>>> = {
  terminate: new Set([
    "OnOpening",
    "OnOpened",
    "OnTraffic",
    "OnTrafficFromClient",
    "OnTrafficFromServer",
  ]),
  rateLimit: new Set(["OnOpening", "OnOpened", "OnTraffic", "OnTrafficFromClient"]),
};

/** Class 00 is success. */
const SQL_STATE = /^(?!00)[0-9A-Z]{5}$/;

/** Schemes of Redis, and of its like. */
const REDIS_SCHEME = /^(redis|valkey)s?(\+tls|\+unix|\+tls\+unix)?:$/;

/** All errors and warnings about `policies`, `rules` and `actionRedis`. */
export function checkAct(
  { actionRedis, policies, rules }: PluginsConfig,
  report: CheckReport,
): void {
  if (actionRedis.enabled && !isRedisAddress(actionRedis.address)) {
    const message = "must be host:port, or a URL such as redis://host:6379";
    report.error(["actionRedis", "address"], message);
  }
  const names = new Set<string>();
  for (const [index, policy] of policies.entries()) {
    const path = ["policies", index];
    checkName([...path, "name"], policy.name, names, report);
    if (actionOf(policy.name) === undefined) {
      report.warning([...path, "name"], `no action is called "${policy.name}": it is never used`);
    }
    const compiled = compilePolicy(policy);
    if ("problem" in compiled) report.error([...path, "policy"], compiled.problem);
  }
  const ruleNames = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const path = ["rules", index];
    checkName([...path, "name"], rule.name, ruleNames, report);
    checkRule(path, rule, report);
  }
}

function isRedisAddress(address: string): boolean {
  const text = address.includes("://") ? address : `redis://${address}`;
  return URL.canParse(text) && REDIS_SCHEME.test(new URL(text).protocol);
}

function checkName(path: Path, name: string, names: Set<string>, report: CheckReport): void {
  if (names.has(name)) report.error(path, `"${name}" is given twice`);
  names.add(name);
}

function checkRule(path: Path, rule: RuleConfig, report: CheckReport): void {
  const compiled = compileCondition(rule.condition);
  if ("problem" in compiled) report.error([...path, "condition"], compiled.problem);
  const given = ACTIONS.filter((action) => rule[action] !== undefined);
  const [action] = given;
  if (given.length !== 1) {
    report.error(path, `needs one action, terminate, log or rateLimit, and has ${given.length}`);
  } else if (action !== undefined && action !== "log" && !ENDING_HOOKS[action].has(rule.hook)) {
    const hooks = [...ENDING_HOOKS[action]].join(", ");
    report.error([...path, "hook"], `${action} has no effect on ${rule.hook}, only on ${hooks}`);
  }
  for (const ending of ["terminate", "rateLimit"] as const) {
    const sqlState = rule[ending]?.sqlState;
    if (sqlState === undefined || SQL_STATE.test(sqlState)) continue;
    const message = "must be five digits or capital letters, as in 42501, and of an error";
    report.error([...path, ending, "sqlState"], message);
  }
  if (rule.rateLimit?.interval === 0) {
    report.error([...path, "rateLimit", "interval"], "must be more than 0");
  }
  if (rule.rateLimit !== undefined && !isKeyKnown(rule.rateLimit.per, rule.hook)) {
    report.error(
      [...path, "rateLimit", "per"],
      `the ${rule.rateLimit.per} is not known on ${rule.hook}, only on OnTrafficFromClient`,
    );
  }
}

/** A connection that is being opened has an address, and nobody has said who it is. */
function isKeyKnown(per: string, hook: string): boolean {
  return per === "address" || hook === "OnTrafficFromClient";
}
