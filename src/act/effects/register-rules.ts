/** Puts rules on their hooks. */
import type { HookName, HookRegistry } from "../../hooks/index.ts";
import type { Rule } from "./rule.ts";
import { RuleSet } from "./rule-set.ts";
import type { RuleSetOptions } from "./rule-set.ts";

/** Before every plugin: what a rule refuses no plugin sees. Priorities below 1000 are the gateway's own. */
const PRIORITY = 100;

/**
 * A hook without rules stays as it is.
 * @param options `batchBytes` is how much of a batch they are shown at once
 * @returns takes them off
 */
export function registerRules(
  registry: HookRegistry,
  rules: readonly Rule[],
  options: RuleSetOptions & { readonly batchBytes: number },
): () => void {
  const hooks = new Set<HookName>(rules.map(({ hook }) => hook));
  const removals = [...hooks].map((hook) => {
    const ofHook = rules.filter((rule) => rule.hook === hook);
    const set = new RuleSet(hook, ofHook, options);
    return registry.register(hook, {
      name: "rules",
      priority: PRIORITY,
      onError: "terminate",
      handler: (payload, session) => set.handle(payload, session),
      traffic: { batchBytes: options.batchBytes },
    });
  });
  return () => {
    for (const remove of removals) remove();
  };
}
