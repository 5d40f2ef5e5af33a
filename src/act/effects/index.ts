/**
 * What Act does: actions of signals, here or by way of Redis, and rules, which need no plugin.
 * May import: hooks, act, postgres, redis, sql.
 */
export { ActionChannel } from "./action-channel.ts";
export type { ActionChannelOptions, ChannelCounts } from "./action-channel.ts";
export { createJudge } from "./create-judge.ts";
export type { JudgeOptions } from "./create-judge.ts";
export { registerRules } from "./register-rules.ts";
export { RuleCounts } from "./rule.ts";
export type { Rule, RuleAction } from "./rule.ts";
