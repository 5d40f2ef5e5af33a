import { describe, expect, test } from "bun:test";
import { SPEEDS } from "../../tests/fixtures/handlers.ts";
import { frontend } from "../../tests/fixtures/wire/index.ts";
import { isTermination, terminate } from "../hooks/index.ts";
import type {
  ChainTime,
  HandlerAnswer,
  HookHandler,
  HookJudge,
  HookName,
  HookPayload,
  LateAnswer,
  TrafficTerms,
} from "../hooks/index.ts";
import { SessionFacts } from "./session-facts.ts";
import { showTraffic } from "./shown-traffic.ts";

const { parse, bind, execute, sync, query, password } = frontend;
const FIRST = Buffer.concat([parse("one"), bind(), execute()]);
const SECOND = Buffer.concat([parse("two"), bind(), execute(), sync()]);
const BATCH = Buffer.concat([FIRST, SECOND]);

const UNLIMITED: ChainTime = { schedule: () => () => {}, timeoutMs: 0 };

function shown(
  handler: HookHandler,
  traffic: TrafficTerms,
  hook: HookName = "OnTrafficFromClient",
  judge?: HookJudge,
  time: ChainTime = UNLIMITED,
): HookHandler {
  const registration = {
    name: "p",
    priority: 1000,
    onError: "continue",
    handler,
    traffic,
    timeoutMs: 100,
  } as const;
  return showTraffic(hook, registration, judge, time).handler;
}

test("a handler without terms, or of another event, is the handler itself", () => {
  const handler: HookHandler = () => undefined;
  expect(shown(handler, { framing: "unit", bufferBytes: 1 })).toBe(handler);
  const all: TrafficTerms = { framing: "statement", redactsSecrets: true, maxMessageBytes: 1 };
  expect(shown(handler, all, "OnOpened")).toBe(handler);
  expect(shown(handler, { framing: "statement" }, "OnTrafficFromServer")).toBe(handler);
});

describe.each(Object.entries(SPEEDS))("by statement, a handler that answers %s", (_, at) => {
  const ask = async (handler: HookHandler, request: Uint8Array = BATCH) =>
    await shown(at(handler), { framing: "statement" })({ request, error: "" }, undefined);

  test("gets one call for each, beside what else the event tells", async () => {
    const calls: HookPayload[] = [];
    expect(await ask((payload) => void calls.push(payload))).toEqual({});
    expect(calls).toEqual([
      { request: FIRST, error: "" },
      { request: SECOND, error: "" },
    ]);
  });

  test("gets whole what is one statement or none", async () => {
    for (const request of [SECOND, query("select 1"), Buffer.from("\0\0\0\x08\x04\xd2\x16\x2f")]) {
      const calls: unknown[] = [];
      await ask((payload) => void calls.push(payload["request"]), request);
      expect(calls).toEqual([request]);
    }
  });

  test("rewrites the one, and the other stays", async () => {
    const other = parse("another statement");
    const answer = await ask(({ request }) =>
      request instanceof Uint8Array && Buffer.from(request).includes("one")
        ? { request: other, note: 1 }
        : { note: 2 },
    );
    expect(answer).toEqual({ request: Buffer.concat([other, SECOND]), note: 2 });
  });

  test("ends all of it by terminating one, and hears of no more", async () => {
    let calls = 0;
    const answer = await ask(() => {
      calls++;
      return terminate();
    });
    expect([calls, isTermination(answer ?? null)]).toEqual([1, true]);
  });

  /** Asks a handler that gives its statement and the word in it as a signal. */
  const signalling = async (isTerminal: HookJudge["isTerminal"]) => {
    const calls: string[] = [];
    const handler: HookHandler = ({ request }) => {
      const word =
        request instanceof Uint8Array && Buffer.from(request).includes("one") ? "one" : "two";
      calls.push(word);
      return { request, response: Buffer.from(word), __signals__: [{ name: word }] };
    };
    const judge: HookJudge = { mindsSilence: false, isTerminal };
    const terms: TrafficTerms = { framing: "statement" };
    const ask = shown(at(handler), terms, "OnTrafficFromClient", judge);
    return { calls, answer: await ask({ request: BATCH }, undefined) };
  };

  test("has each of its signals judged, once, with what it was shown", async () => {
    const judged: unknown[] = [];
    const { answer } = await signalling(({ params, result, signals }) => {
      judged.push([params["request"], result["request"], signals]);
      return false;
    });
    expect(judged).toEqual([
      [FIRST, FIRST, [{ name: "one" }]],
      [SECOND, SECOND, [{ name: "two" }]],
    ]);
    expect(answer).toEqual({ response: Buffer.from("two") });
  });

  test("ends all of it by a signal, with the response beside it, and hears of no more", async () => {
    const { calls, answer } = await signalling(() => true);
    expect(calls).toEqual(["one"]);
    expect(answer).toEqual(terminate({ response: Buffer.from("one") }));
  });

  test("goes on behind a termination that does not count", async () => {
    let calls = 0;
    const handler: HookHandler = () => {
      calls++;
      return terminate();
    };
    const judge: HookJudge = { mindsSilence: false, isTerminal: () => false };
    const ask = shown(at(handler), { framing: "statement" }, "OnTrafficFromClient", judge);
    expect(await ask({ request: BATCH }, undefined)).toEqual({});
    expect(calls).toBe(2);
  });

  test("fails for all of it", async () => {
    const failing = async () =>
      await ask(() => {
        throw new Error("broken");
      });
    expect(await failing().catch((thrown: unknown) => thrown)).toMatchObject({ message: "broken" });
  });
});

describe.each(Object.entries(SPEEDS))("without secrets, a handler that answers %s", (_, at) => {
  const SECRET = password("s3cret");
  const ask = async (handler: HookHandler, request: Uint8Array = SECRET) =>
    await shown(at(handler), { redactsSecrets: true })({ request, response: SECRET }, undefined);

  test("sees of a password that there is one", async () => {
    let seen: unknown;
    await ask(({ request }) => void (seen = request));
    expect(seen).toEqual(password("******"));
  });

  test("gives nothing back of what it was shown", async () => {
    expect(await ask((payload) => payload)).toEqual({ response: SECRET });
    const other = password("another");
    expect(await ask(() => ({ request: other }))).toEqual({ request: other });
    expect(isTermination((await ask(() => terminate())) ?? null)).toBe(true);
  });

  test("sees all else as it is", async () => {
    let seen: unknown;
    const request = query("select 'p'");
    expect(await ask(({ request: shownRequest }) => void (seen = shownRequest), request)).toBe(
      undefined,
    );
    expect(seen).toBe(request);
  });
});

test("what is too long for a handler is not shown to it", () => {
  const request = query("12345");
  let calls = 0;
  const handler = shown(() => void calls++, { maxMessageBytes: 2 * request.length });
  handler({ request, response: request }, undefined);
  expect(calls).toBe(1);
  const response = Buffer.alloc(request.length + 1);
  expect(() => handler({ request, response }, undefined)).toThrow(
    expect.objectContaining({ code: "ERR_HOOK_MESSAGE_TOO_LARGE" }),
  );
  expect(calls).toBe(1);
});

test("traffic of an unknown protocol is shown as it is", () => {
  const seen: unknown[] = [];
  const terms: TrafficTerms = { framing: "statement", redactsSecrets: true };
  const handler = shown(({ request }) => void seen.push(request), terms);
  for (const request of [BATCH, password("s3cret")]) handler({ request }, new SessionFacts(true));
  expect(seen).toEqual([BATCH, password("s3cret")]);
});

test("by statement, each one may be as long as that", () => {
  const calls: unknown[] = [];
  const terms: TrafficTerms = { framing: "statement", maxMessageBytes: SECOND.length };
  const handler = shown(({ request }) => void calls.push(request), terms);
  handler({ request: BATCH }, undefined);
  expect(calls).toEqual([FIRST, SECOND]);
});

describe("by statement, the time of a handler", () => {
  const TERMS: TrafficTerms = { framing: "statement" };

  /** A handler whose calls are answered one by one, on a clock that is moved. */
  function setUp(timeoutMs = 1_000) {
    const calls: { readonly leftMs: number | undefined; answer: (given: HandlerAnswer) => void }[] =
      [];
    const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
    let nowMs = 5;
    let givenUp = 0;
    const handler: HookHandler = (_payload, _session, leftMs) => {
      const { promise, resolve } = Promise.withResolvers<HandlerAnswer>();
      calls.push({ leftMs, answer: resolve });
      return Object.assign(promise, { giveUp: () => givenUp++ });
    };
    const time: ChainTime = {
      schedule: (delayMs, callback) => {
        const timer = { atMs: nowMs + delayMs, callback };
        timers.add(timer);
        return () => timers.delete(timer);
      },
      now: () => nowMs,
      timeoutMs,
    };
    const ask = shown(handler, TERMS, "OnTrafficFromClient", undefined, time);
    return {
      calls,
      timers,
      ask: (leftMs?: number) => ask({ request: BATCH }, undefined, leftMs) as LateAnswer,
      givenUp: () => givenUp,
      pass: async (ms: number) => {
        nowMs += ms;
        for (const timer of timers) if (timer.atMs <= nowMs) timer.callback();
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
  }

  test("is that of each call, and not of all together", async () => {
    const { ask, calls, pass, timers } = setUp();
    const answer = ask();
    await pass(99);
    calls[0]?.answer(undefined);
    await pass(0);
    await pass(99);
    calls[1]?.answer({ note: 1 });
    expect(await answer).toEqual({ note: 1 });
    expect(timers.size).toBe(0);
  });

  test("is over for all when it is over for one", async () => {
    const { ask, calls, pass } = setUp();
    const failure = Promise.resolve(ask()).catch((thrown: unknown) => thrown);
    calls[0]?.answer(undefined);
    await pass(0);
    await pass(100);
    expect(await failure).toMatchObject({
      code: "ERR_HOOK_TIMEOUT",
      message: "no answer within 100 ms",
    });
    expect(calls).toHaveLength(2);
  });

  test("is told to each call as what is left of that of the chain", async () => {
    const { ask, calls, pass } = setUp();
    for (const leftMs of [undefined, 300]) {
      calls.length = 0;
      void ask(leftMs);
      await pass(50);
      calls[0]?.answer(undefined);
      await pass(0);
      expect(calls.map((call) => call.leftMs)).toEqual([leftMs, (leftMs ?? 1_000) - 50]);
    }
    const endless = setUp(0);
    void endless.ask();
    endless.calls[0]?.answer(undefined);
    await endless.pass(0);
    expect(endless.calls.map((call) => call.leftMs)).toEqual([undefined, undefined]);
  });

  test("is given up with the call under way", async () => {
    const { ask, calls, pass, givenUp } = setUp();
    const answer = ask();
    calls[0]?.answer(undefined);
    await pass(0);
    answer.giveUp?.();
    expect(givenUp()).toBe(1);
  });
});
