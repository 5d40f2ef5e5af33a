import { describe, expect, test } from "bun:test";
import { MemoryLogger } from "../../../tests/fixtures/memory-logger.ts";
import { Act, compilePolicy } from "../index.ts";
import type { SessionView } from "../../hooks/index.ts";
import type { Output } from "../index.ts";
import { createJudge } from "./create-judge.ts";

const LOG = { log: true, level: "warn", message: "seen", size: 3, user: "alice" };
const TERMINATE = { name: "terminate", metadata: { terminate: true } };

function setUp({ policy, isPublished = false }: { policy?: string; isPublished?: boolean } = {}) {
  const logger = new MemoryLogger();
  const published: { output: Output; result: Readonly<Record<string, unknown>> }[] = [];
  const compiled = policy && compilePolicy({ name: "log", policy, metadata: {} });
  if (compiled && "problem" in compiled) throw new Error(compiled.problem);
  const act = new Act({
    policies: compiled ? [compiled.policy] : [],
    defaultPolicy: "passthrough",
    policyTimeoutMs: 0,
    now: () => 0,
  });
  const judge = createJudge({
    act,
    logger,
    connectionFields: ({ id }) => ({ connectionId: id }),
    ...(isPublished && { publish: (output, result) => published.push({ output, result }) }),
  });
  const isTerminal = (signals: unknown, session?: SessionView) =>
    judge.isTerminal({
      hook: "OnTrafficFromClient",
      name: "plugin",
      priority: 1000,
      session,
      params: {},
      result: { a: 1 },
      signals,
    });
  return { logger, published, isTerminal };
}

describe("the action log", () => {
  test("tells whose event it was", () => {
    const { logger, isTerminal } = setUp();
    const unknown = { user: undefined, database: undefined, applicationName: undefined };
    isTerminal([{ name: "log", metadata: LOG }], {
      id: "7",
      transactionStatus: undefined,
      ...unknown,
    });
    expect(logger.records[0]?.fields).toEqual({ connectionId: "7", size: 3, user: "alice" });
  });

  test("writes the message at its level, with all other metadata as fields", () => {
    const { logger, isTerminal } = setUp();
    expect(isTerminal([{ name: "log", metadata: LOG }])).toBe(false);
    expect(logger.records).toEqual([
      { level: "warn", message: "seen", fields: { size: 3, user: "alice" } },
    ]);
  });

  test.each([undefined, "loud", "disabled", 3])("has level info for the level %p", (level) => {
    const { logger, isTerminal } = setUp();
    isTerminal([{ name: "log", metadata: { log: true, message: "seen", level } }]);
    expect(logger.records).toEqual([{ level: "info", message: "seen", fields: {} }]);
  });

  test("is not done where the policy says no", () => {
    const { logger, isTerminal } = setUp({ policy: 'Signal.level == "error"' });
    isTerminal([{ name: "log", metadata: LOG }]);
    expect(logger.records).toEqual([]);
    isTerminal([{ name: "log", metadata: { ...LOG, level: "error" } }]);
    expect(logger.records).toHaveLength(1);
  });

  test("is published where there is a channel, with the result, the outputs and how it ended", () => {
    const { logger, published, isTerminal } = setUp({ isPublished: true });
    expect(isTerminal([{ name: "log", metadata: LOG }, TERMINATE])).toBe(true);
    expect(logger.records).toEqual([]);
    expect(published).toMatchObject([
      {
        output: {
          matchedPolicy: "log",
          metadata: LOG,
          verdict: true,
          terminal: false,
          sync: false,
        },
        result: {
          a: 1,
          __outputs__: [{ matchedPolicy: "log" }, { matchedPolicy: "terminate", terminal: true }],
          __terminal__: true,
        },
      },
    ]);
  });
});

test("whatever goes wrong is said, with the plugin and the hook", () => {
  const { logger, isTerminal } = setUp({ policy: "Signal.absent" });
  isTerminal([{ name: "log" }, { name: "other" }, 1, { name: "passthrough" }, TERMINATE]);
  const about = { hook: "OnTrafficFromClient", plugin: "plugin" };
  expect(logger.records).toEqual([
    {
      level: "warn",
      message: "A plugin's signals are not understood",
      fields: { ...about, reason: "signal 2 has no name, or its metadata is no map" },
    },
    {
      level: "error",
      message: "A policy could not be evaluated, and its signal is dropped",
      fields: { ...about, signal: "log", error: "No such key: absent" },
    },
    {
      level: "error",
      message: "No action has the name of a plugin's signal",
      fields: { ...about, signal: "other" },
    },
    {
      level: "warn",
      message: "A signal is ignored beside one that terminates",
      fields: { ...about, signal: "passthrough" },
    },
  ]);
});
