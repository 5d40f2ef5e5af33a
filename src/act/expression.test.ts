import { describe, expect, test } from "bun:test";
import { ConditionSession, compileCondition } from "./condition.ts";
import type { ConditionInput } from "./condition.ts";
import { compilePolicy } from "./cel-policy.ts";

function policyProblem(policy: string): string {
  const compiled = compilePolicy({ name: "log", policy, metadata: {} });
  return "problem" in compiled ? compiled.problem : "";
}

function conditionProblem(text: string): string {
  const compiled = compileCondition(text);
  return "problem" in compiled ? compiled.problem : "";
}

const INPUT: ConditionInput = {
  hook: "OnTrafficFromClient",
  payload: { error: "", client: { remote: "127.0.0.1:1" } },
  session: new ConditionSession({
    user: "alice",
    database: "shop",
    applicationName: undefined,
    address: "127.0.0.1",
    transactionStatus: "idle",
  }),
  query: "drop table x",
  statements: ["drop table x"],
  tables: ["x"],
};

function verdict(text: string, input: Partial<ConditionInput> = {}): boolean {
  const compiled = compileCondition(text);
  if ("problem" in compiled) throw new Error(compiled.problem);
  return compiled.condition.isMet({ ...INPUT, ...input });
}

describe("a condition", () => {
  test.each([
    'session.user == "alice" && session.database != "other"',
    'query.matches("(?i)DROP\\\\s+TABLE")',
    'statements.exists(s, s.startsWith("drop table"))',
    'statements.exists(s, s.matches("^drop (table|view) "))',
    'hook == "OnTrafficFromClient" && payload.client.remote.endsWith(":1")',
    '!(session.user in ["bob", "carol"])',
    "size(query) > 3 && size(statements) == 1",
    '"x" in tables && !("y" in tables)',
    'has(payload.error) && !has(payload.response) ? payload.error == "" : false',
    'cel.bind(q, query, q.matches("table"))',
  ])("is met: %s", (text) => {
    expect(verdict(text)).toBe(true);
  });

  test("asks for nothing that it does not name", () => {
    const { query: _, ...rest } = INPUT;
    const compiled = compileCondition('session.user == "alice"');
    if ("problem" in compiled) throw new Error(compiled.problem);
    const input = {
      ...rest,
      get query(): string {
        throw new Error("asked");
      },
    };
    expect(compiled.condition.isMet(input)).toBe(true);
    expect(compiled.condition.readsTables).toBe(false);
  });

  test("that is neither true nor false is refused, at load or when it turns out", () => {
    expect(conditionProblem("size(query)")).toBe("must be true or false, and is of type int");
    expect(() => verdict("payload.error")).toThrow("neither true nor false");
  });

  test("with a name that there is not is refused, with its place", () => {
    expect(conditionProblem('sesion.user == "x"')).toBe(
      "Unknown variable: sesion (at character 1)",
    );
    expect(conditionProblem("true &&\n  qery == query")).toBe(
      "Unknown variable: qery (at line 2, character 3 of the expression)",
    );
    expect(conditionProblem('session.usr == "x"')).toContain("No such key: usr");
    expect(conditionProblem("query == 1")).toContain("no such overload");
    expect(conditionProblem("query.matches(1)")).toContain("string.matches(int)");
  });
});

describe("matches", () => {
  test("takes time in proportion to the text, whatever the pattern", () => {
    const startedMs = performance.now();
    const query = `${"a".repeat(50_000)}!`;
    expect(verdict('query.matches("^(a+)+$")', { query })).toBe(false);
    expect(verdict('statements.exists(s, s.matches("^(a|aa)+$"))', { statements: [query] })).toBe(
      false,
    );
    // With backtracking the first takes longer than the age of the world.
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  test("finds a pattern anywhere, and refuses what is none", () => {
    expect(verdict('query.matches("p t")')).toBe(true);
    expect(() => verdict("query.matches(query)", { query: "(" })).toThrow();
    expect(conditionProblem('query.matches("a(")')).toMatch(
      /^no regular expression: .*\(at character 15\)$/,
    );
  });
});

describe("an expression", () => {
  test("of more parts or depth than anybody writes is refused", () => {
    expect(conditionProblem(Array.from({ length: 2_000 }, () => "true").join(" && "))).toContain(
      "maxAstNodes",
    );
    expect(conditionProblem(`${"(".repeat(100)}true${")".repeat(100)}`)).toContain("maxDepth");
  });

  test.each([
    ["Signal.log and true", "and", "`a && b`", 12],
    ["Signal.log or true", "or", "`a || b`", 12],
    ["not Signal.log", "not", "`!a`", 1],
    ["not (Signal.log)", "not", "`!a`", 1],
    ['Name contains "x"', "contains", "`text.contains(part)`", 6],
    ['Name startsWith "x"', "startsWith", "`text.startsWith(part)`", 6],
    ['Name endsWith "x"', "endsWith", "`text.endsWith(part)`", 6],
    ['Name matches "x"', "matches", "`text.matches(pattern)`", 6],
    ['Name not in ["x"]', "not", "`!(a in list)`", 6],
    ['Signal.level ?? "x"', "??", "`has(a.b) ? a.b : c`", 14],
    ["Signal?.level == 1", "?.", "`has(a.b) && a.b.c`", 7],
    ["Signal.level == nil", "nil", "`null`", 17],
    ["len(Name) > 1", "len", "`size(value)`", 1],
    ["any(Signal.list, {# > 1})", "any", "`list.exists(x, x > 1)`", 1],
    ["Signal.list | filter(# > 1)", "|", "the call itself", 13],
    ["2 ** 3 == 8", "**", "nothing", 3],
    ["Signal.level in 1..3", "..", "the numbers", 18],
    ["Name == `x`", "`x`", 'r"..."', 9],
    ["let x = 1; x > 0", "let", "cel.bind", 1],
    ["if true { 1 } else { 2 }", "if", "`condition ? a : b`", 1],
  ])("of Expr is refused with its form in CEL: %s", (text, construct, celForm, character) => {
    const problem = policyProblem(text);
    expect(problem).toStartWith(`${construct} is Expr, and policies are CEL: write `);
    expect(problem).toContain(celForm);
    expect(problem).toEndWith(`(at character ${character})`);
  });

  test("is not taken for Expr for what stands in texts, comments and names of fields", () => {
    expect(policyProblem('Name == "this and that ?? nil"')).toBe("");
    expect(policyProblem("Signal.and == Signal.matches // or not")).toBe("");
    expect(policyProblem('Name == "a ?? b" && Unknown')).toBe(
      "Unknown variable: Unknown (at character 21)",
    );
  });
});
