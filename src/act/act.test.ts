import { describe, expect, test } from "bun:test";
import { Act, compilePolicy } from "./index.ts";
import type { ActOptions, ActProblem, Policy, Question } from "./index.ts";

const TERMINATE = { name: "terminate", metadata: { terminate: true } };
const PASSTHROUGH = { name: "passthrough", metadata: null };
const LOG = { name: "log", metadata: { log: true, level: "warn", message: "seen" } };

function policy(name: string, text: string, metadata: Record<string, unknown> = {}): Policy {
  const compiled = compilePolicy({ name, policy: text, metadata });
  if ("problem" in compiled) throw new Error(compiled.problem);
  return compiled.policy;
}

function setUp(options: Partial<ActOptions> = {}) {
  const problems: ActProblem[] = [];
  const act = new Act({
    policies: [],
    defaultPolicy: "passthrough",
    policyTimeoutMs: 0,
    now: () => 0,
    ...options,
  });
  const decide = (signals: unknown, question: Partial<Question> = {}) =>
    act.decide({
      hook: "HOOK_NAME_ON_TRAFFIC_FROM_CLIENT",
      priority: 1000,
      params: {},
      result: {},
      signals,
      onProblem: (problem) => problems.push(problem),
      ...question,
    });
  return { act, problems, decide };
}

describe("signals", () => {
  test("are matched with the action and the policy of their name", () => {
    const { decide, problems } = setUp();
    expect(decide([PASSTHROUGH, LOG])).toEqual({
      isTerminal: false,
      outputs: [
        { matchedPolicy: "passthrough", metadata: {}, verdict: true, terminal: false, sync: true },
        {
          matchedPolicy: "log",
          metadata: LOG.metadata,
          verdict: true,
          terminal: false,
          sync: false,
        },
      ],
    });
    expect(decide([TERMINATE])).toEqual({
      isTerminal: true,
      outputs: [
        {
          matchedPolicy: "terminate",
          metadata: { terminate: true },
          verdict: true,
          terminal: true,
          sync: true,
        },
      ],
    });
    expect(problems).toEqual([]);
  });

  test("that the built-in policy does not allow have a verdict all the same", () => {
    const { decide } = setUp();
    const decision = decide([{ name: "terminate", metadata: { terminate: "true" } }]);
    expect(decision.isTerminal).toBe(false);
    expect(decision.outputs[0]?.verdict).toBe(false);
  });

  test("without an action are dropped and told of, and the default takes their place", () => {
    const { decide, problems } = setUp({ defaultPolicy: "terminate" });
    expect(decide([{ name: "reroute", metadata: {} }]).isTerminal).toBe(true);
    expect(problems).toEqual([{ kind: "noAction", signal: "reroute" }]);
  });

  test("that end nothing are ignored beside one that does; asynchronous ones are not", () => {
    const { decide, problems } = setUp();
    const { outputs, isTerminal } = decide([PASSTHROUGH, LOG, TERMINATE]);
    expect(outputs.map(({ matchedPolicy }) => matchedPolicy)).toEqual(["log", "terminate"]);
    expect(isTerminal).toBe(true);
    expect(problems).toEqual([{ kind: "overruled", signal: "passthrough" }]);
  });

  test.each([
    ["text", "the signals are not a list"],
    [[{ metadata: {} }], "signal 0 has no name, or its metadata is no map"],
    [[LOG, { name: "log", metadata: [] }], "signal 1 has no name, or its metadata is no map"],
    [[null], "signal 0 has no name, or its metadata is no map"],
  ])("that are none are told of: %p", (signals, message) => {
    const { decide, problems } = setUp();
    decide(signals);
    expect(problems).toEqual([{ kind: "noSignal", message }]);
  });
});

describe("without signals", () => {
  test.each([[undefined], [null], [[]]])("%p, the default policy decides", (signals: unknown) => {
    expect(setUp().decide(signals).isTerminal).toBe(false);
    const strict = setUp({ defaultPolicy: "terminate" });
    expect(strict.decide(signals).isTerminal).toBe(true);
  });

  test("only a default that does something asks to be heard", () => {
    expect(setUp().act.mindsSilence).toBe(false);
    expect(setUp({ defaultPolicy: "terminate" }).act.mindsSilence).toBe(true);
  });
});

describe("a policy of the configuration", () => {
  test("takes the place of the built-in one, and sees signal, metadata, hook and result", () => {
    const seen = policy(
      "terminate",
      `Name == "terminate" && Signal.terminate && Policy.on == Hook.Name && Hook.Priority == 1001
        && Hook.Params.client.remote.startsWith("10.") && Hook.Result.size > 3 && Sync`,
      { on: "HOOK_NAME_ON_OPENED" },
    );
    const { decide, problems } = setUp({ policies: [seen] });
    const question = {
      hook: "HOOK_NAME_ON_OPENED",
      priority: 1001,
      params: { client: { remote: "10.0.0.1:5" } },
      result: { size: 4 },
    };
    expect(decide([TERMINATE], question).isTerminal).toBe(true);
    expect(decide([TERMINATE], { ...question, priority: 1000 }).isTerminal).toBe(false);
    expect(decide([TERMINATE], { ...question, result: { size: 3 } }).isTerminal).toBe(false);
    expect(problems).toEqual([]);
  });

  test("sees bytes", () => {
    const bytes = policy("terminate", 'Hook.Params.request.string().contains("secret")');
    const { decide } = setUp({ policies: [bytes] });
    const asked = (request: Uint8Array) => decide([TERMINATE], { params: { request } }).isTerminal;
    expect(asked(Buffer.from("a secret"))).toBe(true);
    expect(asked(new TextEncoder().encode("a secret"))).toBe(true);
    expect(asked(Buffer.from("nothing"))).toBe(false);
  });

  test.each([
    ["1", true],
    ["0", false],
    ["0.5", true],
    ['"true"', true],
    ['"yes"', false],
    ["null", false],
    ["[1]", false],
  ])("that answers %s counts as %p", (text, isTerminal) => {
    const { decide } = setUp({ policies: [policy("terminate", text)] });
    expect(decide([TERMINATE]).isTerminal).toBe(isTerminal);
  });

  test("that fails drops its signal, and the default does not take its place", () => {
    const failing = policy("terminate", "Signal.absent == 1");
    const { decide, problems } = setUp({ policies: [failing], defaultPolicy: "terminate" });
    expect(decide([TERMINATE])).toEqual({ outputs: [], isTerminal: false });
    expect(problems).toMatchObject([{ kind: "policyFailed", signal: "terminate" }]);
    expect(decide([TERMINATE, LOG]).outputs).toMatchObject([{ matchedPolicy: "log" }]);
  });

  test("that takes longer than policyTimeout has failed", () => {
    let nowMs = 0;
    const slow: Policy = {
      name: "terminate",
      metadata: {},
      verdict: () => {
        nowMs += 60;
        return true;
      },
    };
    const options = { policies: [slow], now: () => nowMs };
    const patient = setUp({ ...options, policyTimeoutMs: 60 });
    expect(patient.decide([TERMINATE]).isTerminal).toBe(true);
    const strict = setUp({ ...options, policyTimeoutMs: 50 });
    expect(strict.decide([TERMINATE]).isTerminal).toBe(false);
    expect(strict.problems).toMatchObject([{ kind: "policyFailed", signal: "terminate" }]);
  });
});
