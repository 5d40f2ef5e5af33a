import { describe, expect, test } from "bun:test";
import { GatewayError } from "../errors.ts";
import { CallOff, HookRegistry, terminate } from "./index.ts";
import type {
  HandlerAnswer,
  HandlerRegistration,
  HookOutcome,
  HookPayload,
  SessionView,
} from "./index.ts";

const HOOK = "OnTrafficFromClient";

function describeError(error: unknown): string {
  if (error instanceof GatewayError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** A registry on a clock that stands still until `advance` is called. */
function setUp(options: { timeoutMs?: number } = {}) {
  const errors: string[] = [];
  const replacements: string[] = [];
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  let now = 0;
  const registry = new HookRegistry({
    schedule: (delayMs, callback) => {
      const timer = { at: now + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    onHandlerError: (hook, name, error) => errors.push(`${hook} ${name}: ${describeError(error)}`),
    onHandlerReplaced: (hook, replaced, by) => replacements.push(`${hook} ${replaced} ${by}`),
    now: () => now,
    ...options,
  });
  const slot = registry.chain(HOOK);
  return {
    registry,
    slot,
    errors,
    replacements,
    timers,
    add: (
      name: string,
      handler: HandlerRegistration["handler"],
      more: Partial<HandlerRegistration> = {},
    ) => registry.register(HOOK, { name, priority: 1000, onError: "continue", handler, ...more }),
    run: (payload: HookPayload = { trail: "" }, session?: SessionView, callOff?: CallOff) => {
      if (slot.chain === null) throw new Error("the slot has no chain");
      return slot.chain.run(payload, session, callOff);
    },
    advance: (ms: number) => {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}

/** Leaves its name in the payload, so that the order shows. */
const mark = (name: string) => (payload: HookPayload) => ({ trail: `${payload["trail"]}${name}` });
const markLater = (name: string) => async (payload: HookPayload) => mark(name)(payload);
const fail = () => {
  throw new Error("broken");
};
const failLater = () => Promise.reject(new Error("broken later"));
const never = () => new Promise<HandlerAnswer>(() => {});
const continued = (payload: HookPayload): HookOutcome => ({ kind: "continue", payload });
const ended = (by: string, response?: Uint8Array): HookOutcome => ({
  kind: "terminate",
  response,
  by,
});

describe("a slot", () => {
  test("is the same object for a hook and another for another hook", () => {
    const { registry, slot } = setUp();
    expect(registry.chain(HOOK)).toBe(slot);
    expect(registry.chain("OnTick")).not.toBe(slot);
  });

  test("has no chain until a handler is registered, and none after the last one is gone", () => {
    const { registry, slot, add } = setUp();
    expect(slot.chain).toBeNull();
    const removeA = add("a", mark("a"));
    const removeB = add("b", mark("b"), { priority: 1001 });
    expect(slot.chain?.handlers.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(registry.chain("OnTick").chain).toBeNull();
    removeA();
    removeA();
    expect(slot.chain?.handlers.map(({ name }) => name)).toEqual(["b"]);
    removeB();
    expect(slot.chain).toBeNull();
  });

  test("is looked at with others at once", () => {
    const { registry, add } = setUp();
    const before = registry.presence([HOOK, "OnTick"]);
    const other = registry.presence(["OnTick"]);
    expect(before.isAny).toBe(false);
    const remove = add("a", mark("a"));
    expect([before.isAny, other.isAny]).toEqual([true, false]);
    expect(registry.presence([HOOK]).isAny).toBe(true);
    remove();
    expect(before.isAny).toBe(false);
  });
});

describe("a chain", () => {
  test("has the smallest wish of its handlers about the parts of answers", () => {
    const { add, slot } = setUp();
    add("a", mark("a"));
    expect([slot.chain?.bufferBytes, slot.chain?.flushIntervalMs]).toEqual([undefined, undefined]);
    add("b", mark("b"), { priority: 1001, traffic: { bufferBytes: 500, flushIntervalMs: 10 } });
    add("c", mark("c"), { priority: 1002, traffic: { bufferBytes: 700, flushIntervalMs: 0 } });
    expect([slot.chain?.bufferBytes, slot.chain?.flushIntervalMs]).toEqual([500, 0]);
  });

  test("can be had again with other handlers in the place of its own", () => {
    const { add, slot, run } = setUp();
    add("a", mark("a"));
    const wrapped = slot.chain?.with((registration) => ({ ...registration, handler: mark("b") }));
    expect(wrapped?.run({ trail: "" })).toEqual(continued({ trail: "b" }));
    expect(run()).toEqual(continued({ trail: "a" }));
  });
});

describe("handlers", () => {
  test("are told what session an event is of, at once or later", async () => {
    const { add, run } = setUp();
    const told: unknown[] = [];
    const listen = (_: HookPayload, session: SessionView | undefined) => void told.push(session);
    add("a", listen);
    add("b", async (payload, session) => listen(payload, session), { priority: 1001 });
    add("c", listen, { priority: 1002 });
    const session: SessionView = {
      id: "1",
      user: "anna",
      database: undefined,
      applicationName: undefined,
      transactionStatus: "idle",
    };
    await run(undefined, session);
    await run();
    expect(told).toEqual([session, session, session, undefined, undefined, undefined]);
    expect(told[0]).toBe(session);
  });

  test("run in the order of their priority, whatever the order of registration", () => {
    const { add, run } = setUp();
    add("b", mark("b"), { priority: 1001 });
    add("c", mark("c"), { priority: 1002 });
    add("a", mark("a"), { priority: -1 });
    expect(run()).toEqual(continued({ trail: "abc" }));
  });

  test("of the same priority replace each other with a warning", () => {
    const { add, run, replacements } = setUp();
    const removeFirst = add("first", mark("1"));
    add("other", mark("o"), { priority: 1001 });
    add("second", mark("2"));
    removeFirst();
    expect(run()).toEqual(continued({ trail: "2o" }));
    expect(replacements).toEqual([`${HOOK} first second`]);
  });

  test("registered from one object twice are two handlers", () => {
    const { registry, slot } = setUp();
    const same: HandlerRegistration = {
      name: "a",
      priority: 1,
      onError: "continue",
      handler: mark("a"),
    };
    const removeFirst = registry.register(HOOK, same);
    registry.register(HOOK, same);
    removeFirst();
    expect(slot.chain?.handlers).toHaveLength(1);
  });

  test("that answer at once give an outcome at once", () => {
    const { add, run, timers } = setUp();
    add("a", mark("a"));
    expect(run()).not.toBeInstanceOf(Promise);
    expect(timers.size).toBe(0);
  });

  test.each([undefined, null])("that answer %p leave the very same payload", (nothing) => {
    const { add, run } = setUp();
    add("a", () => nothing);
    const payload = { request: new Uint8Array([1]) };
    expect((run(payload) as { payload: HookPayload }).payload).toBe(payload);
  });

  test("that answer some keys leave the others, and the caller's payload", () => {
    const { add, run } = setUp();
    add("a", () => ({ request: "new", extra: 1 }));
    const payload = { request: "old", error: "" };
    expect(run(payload)).toEqual(continued({ request: "new", error: "", extra: 1 }));
    expect(payload).toEqual({ request: "old", error: "" });
  });
});

describe.each([
  ["all at once", mark, mark, mark],
  ["all later", markLater, markLater, markLater],
  ["the first later", markLater, mark, mark],
  ["the last later", mark, mark, markLater],
  ["the middle one later", mark, markLater, mark],
])("with answers %s", (_, first, second, third) => {
  test("each handler gets what the one before left", async () => {
    const { add, run, timers, errors } = setUp();
    add("a", first("a"));
    add("b", second("b"), { priority: 1001, timeoutMs: 5 });
    add("c", third("c"), { priority: 1002 });
    expect(await run()).toEqual(continued({ trail: "abc" }));
    expect(errors).toEqual([]);
    expect(timers.size).toBe(0);
  });

  test("a termination stops the chain and carries its response", async () => {
    const { add, run, timers } = setUp();
    const response = new Uint8Array([90]);
    const seen: string[] = [];
    add("a", first("a"));
    add("b", async () => terminate({ response }), { priority: 1001 });
    add("c", () => void seen.push("c"), { priority: 1002 });
    expect(await run()).toEqual(ended("b", response));
    expect(seen).toEqual([]);
    expect(timers.size).toBe(0);
  });
});

test("a termination at once is an outcome at once", () => {
  const { add, run } = setUp();
  add("a", () => terminate());
  add("b", fail, { priority: 1001 });
  expect(run()).toEqual(ended("a"));
});

test("a thenable that is no Promise counts as a later answer", async () => {
  const { add, run } = setUp();
  const answer = Promise.resolve({ trail: "t" });
  // oxlint-disable-next-line unicorn/no-thenable -- the very thing that is tested
  add("a", () => ({ then: answer.then.bind(answer) }));
  const outcome = run();
  expect(outcome).toBeInstanceOf(Promise);
  expect(await outcome).toEqual(continued({ trail: "t" }));
});

describe.each([
  ["throws", fail, "broken"],
  ["rejects", failLater, "broken later"],
])("a handler that %s", (_, handler, message) => {
  test("is reported, stays registered, and lets the payload of the one before pass", async () => {
    const { add, run, errors } = setUp();
    add("a", mark("a"));
    add("b", handler, { priority: 1001 });
    add("c", mark("c"), { priority: 1002 });
    expect(await run()).toEqual(continued({ trail: "ac" }));
    expect(await run()).toEqual(continued({ trail: "ac" }));
    expect(errors).toEqual([`${HOOK} b: ${message}`, `${HOOK} b: ${message}`]);
  });

  test("ends the request under `terminate`", async () => {
    const { add, run, errors, slot } = setUp();
    add("a", handler, { onError: "terminate" });
    add("b", mark("b"), { priority: 1001 });
    expect(await run()).toEqual(ended("a"));
    expect(errors).toEqual([`${HOOK} a: ${message}`]);
    expect(slot.chain?.handlers).toHaveLength(2);
  });
});

describe("a handler without an answer", () => {
  test("is given up after its own time, and its late answer is dropped", async () => {
    const { add, run, advance, errors, timers } = setUp();
    const late = Promise.withResolvers<HandlerAnswer>();
    add("a", () => late.promise, { timeoutMs: 50 });
    add("b", mark("b"), { priority: 1001 });
    const outcome = run();
    advance(49);
    expect(errors).toEqual([]);
    advance(1);
    late.resolve({ trail: "late" });
    expect(await outcome).toEqual(continued({ trail: "b" }));
    expect(errors).toEqual([`${HOOK} a: ERR_HOOK_TIMEOUT: no answer within 50 ms`]);
    expect(timers.size).toBe(0);
  });

  test("ends the request under `terminate`", async () => {
    const { add, run, advance, timers } = setUp();
    add("a", never, { timeoutMs: 50, onError: "terminate" });
    const outcome = run();
    advance(50);
    expect(await outcome).toEqual(ended("a"));
    expect(timers.size).toBe(0);
  });

  test("may reject after it was given up", async () => {
    const { add, run, advance, errors } = setUp();
    const late = Promise.withResolvers<HandlerAnswer>();
    add("a", () => late.promise, { timeoutMs: 50 });
    const outcome = run();
    advance(50);
    late.reject(new Error("too late to matter"));
    await outcome;
    expect(errors).toEqual([`${HOOK} a: ERR_HOOK_TIMEOUT: no answer within 50 ms`]);
  });
});

describe("the time of the whole chain", () => {
  test("is 30 s when nothing else is said", async () => {
    const { add, run, advance, errors } = setUp();
    add("a", never);
    const outcome = run();
    advance(29_999);
    expect(errors).toEqual([]);
    advance(1);
    await outcome;
    expect(errors).toEqual([
      `${HOOK} a: ERR_HOOK_TIMEOUT: the handlers gave no answer within 30000 ms together`,
    ]);
  });

  test("is shared by all handlers: those that it leaves no time have failed too", async () => {
    const { add, run, advance, errors, timers } = setUp({ timeoutMs: 100 });
    const called: string[] = [];
    const first = Promise.withResolvers<HandlerAnswer>();
    add("a", () => first.promise);
    const second = Promise.withResolvers<void>();
    const neverB = () => {
      called.push("b");
      second.resolve();
      return never();
    };
    add("b", neverB, { priority: 1001, timeoutMs: 80 });
    add("c", () => void called.push("c"), { priority: 1002 });
    add("d", () => void called.push("d"), { priority: 1003, onError: "terminate" });
    const outcome = run();
    advance(60);
    first.resolve({ trail: "a" });
    await second.promise;
    expect(called).toEqual(["b"]);
    advance(40);
    expect(await outcome).toEqual(ended("d"));
    expect(called).toEqual(["b"]);
    expect(errors.map((text) => text.split(" ")[1])).toEqual(["b:", "c:", "d:"]);
    expect(timers.size).toBe(0);
  });

  test("is told to handlers as far as it is left", async () => {
    const left: unknown[] = [];
    for (const timeoutMs of [1_000, 0]) {
      const { add, run, advance } = setUp({ timeoutMs });
      const slow = Promise.withResolvers<undefined>();
      add("a", (_payload, _session, leftMs) => {
        left.push(leftMs);
        return slow.promise;
      });
      add("b", async (_payload, _session, leftMs) => void left.push(leftMs), { priority: 1001 });
      const outcome = run();
      advance(700);
      slow.resolve(undefined);
      await outcome;
    }
    expect(left).toEqual([undefined, 300, undefined, undefined]);
  });

  test("is another one from the next run on", async () => {
    const { add, run, registry, advance, errors } = setUp({ timeoutMs: 100 });
    add("a", never);
    const first = run();
    registry.limit(1_000);
    const second = run();
    advance(100);
    await first;
    expect(errors).toEqual([
      `${HOOK} a: ERR_HOOK_TIMEOUT: the handlers gave no answer within 100 ms together`,
    ]);
    add("b", () => undefined, { priority: 1001 });
    const third = run();
    advance(1_000);
    await Promise.all([second, third]);
    expect(errors.filter((text) => text.includes("within 1000 ms"))).toHaveLength(3);
  });

  test("is unlimited at 0", () => {
    const { add, run, timers } = setUp({ timeoutMs: 0 });
    add("a", never);
    void run();
    expect(timers.size).toBe(0);
  });
});

describe("a run under way", () => {
  test("ends with the handlers it began with", async () => {
    const { add, run, slot } = setUp();
    const first = Promise.withResolvers<HandlerAnswer>();
    add("a", () => first.promise);
    const removeB = add("b", mark("b"), { priority: 1001 });
    const outcome = run();
    removeB();
    add("c", mark("c"), { priority: 1002 });
    first.resolve({ trail: "a" });
    expect(await outcome).toEqual(continued({ trail: "ab" }));
    expect(slot.chain?.handlers.map(({ name }) => name)).toEqual(["a", "c"]);
  });

  test("does not hold up or mix with another", async () => {
    const { add, run } = setUp();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    add("a", async (payload) => {
      await gates[Number(payload["id"])]?.promise;
      return { trail: `${payload["id"]}` };
    });
    const outcomes = [run({ id: 0 }), run({ id: 1 })];
    gates[1]?.resolve();
    expect(await outcomes[1]).toEqual(continued({ id: 1, trail: "1" }));
    gates[0]?.resolve();
    expect(await outcomes[0]).toEqual(continued({ id: 0, trail: "0" }));
  });
});

describe("a run that is called off", () => {
  test("ends at once, and tells the handler that nobody waits for", async () => {
    const { add, run, errors, timers } = setUp();
    let givenUp = 0;
    const callOff = new CallOff();
    add("a", markLater("a"));
    add("b", () => Object.assign(never(), { giveUp: () => givenUp++ }), {
      priority: 1001,
      onError: "terminate",
      timeoutMs: 10,
    });
    add("c", mark("c"), { priority: 1002 });
    const outcome = run({ trail: "" }, undefined, callOff);
    await new Promise((resolve) => setImmediate(resolve));
    callOff.now();
    expect(await outcome).toEqual(continued({ trail: "a" }));
    expect([givenUp, errors, timers.size]).toEqual([1, [], 0]);
    callOff.now();
    expect(givenUp).toBe(1);
  });

  test("does not end one that is over, or a later one that nobody speaks of", async () => {
    const { add, run } = setUp();
    const callOff = new CallOff();
    callOff.now();
    let answer: (given: HandlerAnswer) => void = () => {};
    add("a", () => new Promise<HandlerAnswer>((resolve) => (answer = resolve)));
    const first = run({}, undefined, callOff);
    answer({ one: 1 });
    expect(await first).toEqual(continued({ one: 1 }));
    callOff.now();
    const second = run({}, undefined, callOff);
    answer({ two: 2 });
    expect(await second).toEqual(continued({ two: 2 }));
  });
});
