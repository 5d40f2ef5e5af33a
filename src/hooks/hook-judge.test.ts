import { describe, expect, test } from "bun:test";
import { HookRegistry, terminate } from "./index.ts";
import type { HandlerAnswer, HookJudge, HookPayload, JudgedAnswer } from "./index.ts";

const HOOK = "OnTrafficFromClient";
const SIGNALS = [{ name: "terminate", metadata: { terminate: true } }];

function setUp(judge: Partial<HookJudge> = {}) {
  const judged: JudgedAnswer[] = [];
  const registry = new HookRegistry({
    schedule: () => () => {},
    onHandlerError: () => {},
    onHandlerReplaced: () => {},
    judge: {
      mindsSilence: false,
      isTerminal: (answer) => {
        judged.push(answer);
        return answer.signals !== undefined;
      },
      ...judge,
    },
  });
  const add = (
    name: string,
    priority: number,
    handler: (payload: HookPayload) => HandlerAnswer | Promise<HandlerAnswer>,
  ) => registry.register(HOOK, { name, priority, onError: "continue", handler });
  const run = async (payload: HookPayload) => await registry.chain(HOOK).chain?.run(payload);
  return { add, run, judged };
}

const speeds: Record<string, (answer: HandlerAnswer) => HandlerAnswer | Promise<HandlerAnswer>> = {
  "at once": (answer) => answer,
  later: async (answer) => answer,
};

describe.each(Object.entries(speeds))("a plugin that answers %s", (_, at) => {
  test("is judged by its signals, and what it changed", async () => {
    const { add, run, judged } = setUp();
    add("first", 1000, () => at({ mark: 1 }));
    add("second", 1001, () => at({ mark: 2, __signals__: SIGNALS }));
    add("third", 1002, () => {
      throw new Error("asked");
    });
    expect(await run({ a: 1 })).toEqual({
      kind: "terminate",
      response: undefined,
      error: undefined,
      by: "second",
    });
    expect(judged).toEqual([
      {
        hook: HOOK,
        name: "second",
        priority: 1001,
        session: undefined,
        params: { a: 1 },
        result: { a: 1, mark: 2 },
        signals: SIGNALS,
      },
    ]);
  });

  test("ends it with its own response only", async () => {
    const { add, run } = setUp();
    const response = Uint8Array.of(1);
    add("plugin", 1000, ({ own }) =>
      at({ ...(own === true && { response }), __signals__: SIGNALS }),
    );
    const others = { response: Uint8Array.of(2) };
    expect(await run({ ...others, own: true })).toMatchObject({ kind: "terminate", response });
    expect(await run(others)).toMatchObject({ kind: "terminate", response: undefined });
  });

  test("shows its signals to nobody behind it", async () => {
    const { add, run } = setUp({ isTerminal: () => false });
    let seen: HookPayload = {};
    add("first", 1000, () => at({ mark: 1, __signals__: SIGNALS }));
    add("second", 1001, (payload) => {
      seen = payload;
    });
    expect(await run({ a: 1 })).toEqual({ kind: "continue", payload: { a: 1, mark: 1 } });
    expect(seen).toEqual({ a: 1, mark: 1 });
  });

  test("terminates if that is allowed", async () => {
    const allowed = setUp();
    const error = { sqlState: "42501", message: "no" };
    allowed.add("plugin", 1000, () => at(terminate({ error })));
    expect(await allowed.run({ a: 1 })).toMatchObject({ kind: "terminate", error, by: "plugin" });
    expect(allowed.judged).toMatchObject([{ signals: SIGNALS, result: {} }]);
    const refused = setUp({ isTerminal: () => false });
    refused.add("plugin", 1000, () => at(terminate()));
    expect(await refused.run({ a: 1 })).toEqual({ kind: "continue", payload: { a: 1 } });
  });

  test("without signals is judged only where silence means something", async () => {
    const patient = setUp({ isTerminal: () => true });
    const strict = setUp({ mindsSilence: true, isTerminal: () => true });
    for (const { add } of [patient, strict]) add("plugin", 1000, () => at({ mark: 1 }));
    expect(await patient.run({})).toEqual({ kind: "continue", payload: { mark: 1 } });
    expect(await strict.run({})).toMatchObject({ kind: "terminate", by: "plugin" });
  });
});

test("the gateway's own handlers are not judged", async () => {
  const { add, run, judged } = setUp({ mindsSilence: true, isTerminal: () => true });
  add("rules", 999, () => ({ __signals__: SIGNALS }));
  expect(await run({})).toMatchObject({ kind: "continue" });
  add("rules", 998, () => terminate());
  expect(await run({})).toMatchObject({ kind: "terminate", by: "rules" });
  expect(judged).toEqual([]);
});
