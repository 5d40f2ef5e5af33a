/**
 * Act: what becomes of the wishes of plugins. Signals, the policies that allow them, the actions they ask
 * for; and the expressions that policies and rules are written in.
 * Pure: no Bun, no clock; both are passed in. May import: errors.
 */
export { Act } from "./act.ts";
export type { ActOptions, ActProblem, PolicyCounts, Question } from "./act.ts";
export { actionOf } from "./action.ts";
export type { Action, ActionName } from "./action.ts";
export { compilePolicy } from "./cel-policy.ts";
export { ConditionSession, compileCondition } from "./condition.ts";
export type { Condition, ConditionInput } from "./condition.ts";
export { evaluationProblem } from "./expression.ts";
export { ReservedKey, resultWithOutputs } from "./output.ts";
export type { Decision, Output } from "./output.ts";
export { isTruthy } from "./policy.ts";
export type { Policy } from "./policy.ts";
export { isMap } from "./signal.ts";
