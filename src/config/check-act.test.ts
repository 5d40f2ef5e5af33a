import { expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import { readPlugins } from "./load-config.ts";
import { RULE_HOOKS } from "./schema/rule-schema.ts";
import { HOOK_NUMBERS } from "../hooks/index.ts";

function issuesOf(text: string): readonly string[] {
  const result = readPlugins(text, "p.yaml", { env: {} });
  const issues = result.ok ? result.config.warnings : result.issues;
  return issues.map((issue) => `${issue.severity}: ${formatIssue(issue)}`);
}

const policy = (name: string, text: string): string =>
  JSON.stringify({ policies: [{ name, policy: text }] });

const rule = (keys: object): string =>
  JSON.stringify({ rules: [{ name: "r", terminate: {}, ...keys }] });

test("a policy that is Expr is an error that names the construct, its form in CEL, and the place", () => {
  const text = `
policies:
  - name: terminate
    policy: Signal.terminate == true and Policy.terminate == "stop"
  - name: log
    metadata: { level: error }
    policy: >-
      Signal.level ?? "info" == Policy.level
`;
  expect(issuesOf(text)).toEqual([
    "error: p.yaml:4:13: policies.0.policy: and is Expr, and policies are CEL: write `a && b` (at character 26)",
    "error: p.yaml:7:13: policies.1.policy: ?? is Expr, and policies are CEL: write `has(a.b) ? a.b : c` (at character 14)",
  ]);
});

test.each([
  [policy("terminate", "Signal.terminate"), []],
  [policy("reroute", "true"), ['policies.0.name: no action is called "reroute": it is never used']],
  [policy("log", ""), ["policies.0.policy: must not be empty"]],
  [policy("log", "Signl.x"), ["policies.0.policy: Unknown variable: Signl (at character 1)"]],
  [
    JSON.stringify({ policies: [1, 2].map(() => ({ name: "log", policy: "true" })) }),
    ['policies.1.name: "log" is given twice'],
  ],
  ["actionRedis: {enabled: true, address: '127.0.0.1:6379'}", []],
  ["actionRedis: {enabled: true, address: 'rediss://u:p@redis.example:6379/1'}", []],
  ["actionRedis: {enabled: false, address: 'no where'}", []],
  ...["no where", "http://redis:6379", "redis:port"].map((address): [string, string[]] => [
    `actionRedis: {enabled: true, address: '${address}'}`,
    ["actionRedis.address: must be host:port, or a URL such as redis://host:6379"],
  ]),
  [rule({}), []],
  [rule({ terminate: undefined, log: { message: "m" } }), []],
  [
    rule({ log: { message: "m" } }),
    ["rules.0: needs one action, terminate, log or rateLimit, and has 2"],
  ],
  [
    rule({ terminate: undefined }),
    ["rules.0: needs one action, terminate, log or rateLimit, and has 0"],
  ],
  [
    JSON.stringify({ rules: [1, 2].map(() => ({ name: "r", terminate: {} })) }),
    ['rules.1.name: "r" is given twice'],
  ],
  [
    rule({ condition: "query" }),
    ["rules.0.condition: must be true or false, and is of type string"],
  ],
  [
    rule({ condition: "query contains 'x'" }),
    [
      "rules.0.condition: contains is Expr, and policies are CEL: write `text.contains(part)` (at character 7)",
    ],
  ],
  [
    rule({ hook: "OnTick" }),
    [
      "rules.0.hook: terminate has no effect on OnTick, only on OnOpening, OnOpened, OnTraffic, OnTrafficFromClient, OnTrafficFromServer",
    ],
  ],
  [
    rule({ terminate: { sqlState: "4250" } }),
    [
      "rules.0.terminate.sqlState: must be five digits or capital letters, as in 42501, and of an error",
    ],
  ],
  [
    rule({ terminate: undefined, rateLimit: { per: "user", requests: 0 } }),
    [
      "rules.0: needs one action, terminate, log or rateLimit, and has 0",
      "rules.0.rateLimit.requests: must be at least 1",
    ],
  ],
  [
    rule({ terminate: undefined, rateLimit: { per: "user", requests: 1, interval: 0 } }),
    ["rules.0.rateLimit.interval: must be more than 0"],
  ],
  [
    rule({ hook: "OnOpening", terminate: undefined, rateLimit: { per: "user", requests: 1 } }),
    ["rules.0.rateLimit.per: the user is not known on OnOpening, only on OnTrafficFromClient"],
  ],
  [
    rule({ hook: "OnOpening", terminate: undefined, rateLimit: { per: "address", requests: 1 } }),
    [],
  ],
])("%s", (text, expected) => {
  const messages = issuesOf(text).map((issue) => issue.replace(/^\w+: p\.yaml:\d+:\d+: /, ""));
  expect(messages).toEqual(expected);
});

test("rules can be attached to every hook that is run", () => {
  const hooks = Object.keys(HOOK_NUMBERS).filter((name) => name !== "OnHook");
  expect([...RULE_HOOKS] as string[]).toEqual(hooks);
});
