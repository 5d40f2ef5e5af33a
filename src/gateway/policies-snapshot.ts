/** The policies and rules of a configuration, and what became of them: plain values. */
import type { Act } from "../act/index.ts";
import { RuleCounts } from "../act/effects/index.ts";
import type { Rule } from "../act/effects/index.ts";
import type { PoliciesView } from "../admin/index.ts";
import type { LoadedConfig } from "../config/index.ts";

/** @param used those of the rules that are enabled, in their order */
export function policiesSnapshot(
  { policies, rules }: LoadedConfig["plugins"],
  act: Act,
  used: readonly Rule[],
): PoliciesView {
  const expressions = new Map(policies.map(({ name, policy }) => [name, policy]));
  const atWork = used.values();
  return {
    policies: act.counts().map((counts) => ({
      ...counts,
      expression: counts.isBuiltIn ? "" : (expressions.get(counts.name) ?? ""),
    })),
    rules: rules.map((rule) => {
      const { name, hook, condition, dryRun, enabled } = rule;
      const counts = enabled ? atWork.next().value?.counts : undefined;
      const { evaluations, hits, actions, failures } = counts ?? new RuleCounts();
      return {
        ...{ name, hook, condition, action: actionOf(rule), isEnabled: enabled, isDryRun: dryRun },
        ...{ evaluations, hits, actions, failures },
      };
    }),
  };
}

function actionOf({ terminate, log }: LoadedConfig["plugins"]["rules"][number]): string {
  if (terminate !== undefined) return "terminate";
  return log === undefined ? "rateLimit" : "log";
}
