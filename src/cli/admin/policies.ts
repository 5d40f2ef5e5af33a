import { readPolicies } from "./answers.ts";
import { apiCommand } from "./api-command.ts";
import { textTable } from "./text-table.ts";

const POLICY_HEADINGS = ["POLICY", "ASKED", "ALLOWED", "REFUSED", "FAILED", "EXPRESSION"];
const RULE_HEADINGS = [
  ...["RULE", "HOOK", "ACTION", "ASKED", "MET", "ACTED", "FAILED", "", "CONDITION"],
];

/** `gatewayd policies`. */
export const policiesCommand = apiCommand({
  name: "policies",
  summary: "Show the policies and the rules, and what became of them",
  ask: (client) => client.get("/api/v1/policies"),
  show(answer) {
    const { policies, rules } = readPolicies(answer);
    const ofPolicies = textTable(
      POLICY_HEADINGS,
      policies.map((policy) => [
        ...[policy.name, policy.evaluations, policy.allowed, policy.refused, policy.failures],
        policy.isBuiltIn ? "(built in)" : oneLine(policy.expression),
      ]),
    );
    if (rules.length === 0) return ofPolicies;
    const ofRules = textTable(
      RULE_HEADINGS,
      rules.map((rule) => [
        ...[rule.name, rule.hook, rule.action, rule.evaluations, rule.hits, rule.actions],
        ...[rule.failures, modeOf(rule), oneLine(rule.condition)],
      ]),
    );
    return `${ofPolicies}\n${ofRules}`;
  },
});

function modeOf({ isEnabled, isDryRun }: { isEnabled: boolean; isDryRun: boolean }): string {
  if (!isEnabled) return "disabled";
  return isDryRun ? "dry run" : "";
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}
