/** Policies of the configuration: expressions in CEL. */
import { ExpressionLanguage } from "./expression.ts";
import type { Policy, PolicyInput } from "./policy.ts";

/** One entry of `policies`. */
export interface PolicyText {
  readonly name: string;
  readonly policy: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

let language: ExpressionLanguage<PolicyInput> | undefined;

/** The policy, or what is wrong with its text. */
export function compilePolicy({
  name,
  policy,
  metadata,
}: PolicyText): { readonly policy: Policy } | { readonly problem: string } {
  language ??= new ExpressionLanguage<PolicyInput>({
    Name: "string",
    Policy: "map",
    Signal: "map",
    Hook: "map",
    Sync: "bool",
  });
  const compiled = language.compile(policy);
  if ("problem" in compiled) return compiled;
  const { run } = compiled;
  return { policy: { name, metadata, verdict: (_signal, input) => run(input()) } };
}
