import { afterAll, expect, test } from "bun:test";
import { startRedis, testNeeding, waitFor } from "../../tests/kit/index.ts";
import type { RedisServer } from "../../tests/kit/index.ts";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { RedisClient } from "bun";
import { formatIssue, readPlugins } from "../config/index.ts";
import type { LoadedConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import { HookRegistry } from "../hooks/index.ts";
import type { HookOutcome, Schedule, SessionView } from "../hooks/index.ts";
import { GatewayAct } from "./gateway-act.ts";

const SESSION: SessionView = {
  id: "1",
  user: "anna",
  database: "shop",
  applicationName: undefined,
  transactionStatus: undefined,
};
const query = (sql: string): Uint8Array => {
  const text = Buffer.from(`${sql}\0`);
  const head = Buffer.alloc(5);
  head.write("Q");
  head.writeInt32BE(4 + text.length, 1);
  return Buffer.concat([head, text]);
};

/** As the plugins file has it; only the part of a plan that policies and rules go by. */
function planOf(keys: object) {
  const result = readPlugins(JSON.stringify(keys), "gatewayd_plugins.yaml", { env: {} });
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return { after: { plugins: result.config.value } as LoadedConfig };
}

/** A registry with a plugin that wants every request of a client to end, but those that are to be logged. */
function setUp(keys: object = {}) {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const schedule: Schedule = (delayMs, callback) => {
    const timer = clock.setTimeout(callback, delayMs);
    return () => clock.clearTimeout(timer);
  };
  const now = (): number => clock.now();
  const { plugins } = planOf(keys).after;
  const act = new GatewayAct({ config: plugins, logger, traceIdOf: undefined, schedule, now });
  const registry = new HookRegistry({
    schedule,
    judge: act.judge,
    onHandlerError: (_, __, error) => {
      throw error;
    },
    onHandlerReplaced: (_, name) => {
      throw new Error(`${name} is replaced`);
    },
  });
  act.register(registry);
  registry.register("OnTrafficFromClient", {
    name: "plugin",
    priority: 1000,
    onError: "continue",
    handler: ({ request }) => {
      const isLogged = request instanceof Uint8Array && Buffer.from(request).includes("log");
      const metadata = { log: true, level: "info", message: "seen" };
      return {
        __signals__: [
          isLogged
            ? { name: "log", metadata }
            : { name: "terminate", metadata: { terminate: true } },
        ],
      };
    },
  });
  const fate = (sql = "select 1"): string => {
    const { chain } = registry.chain("OnTrafficFromClient");
    const outcome = chain?.run({ request: query(sql) }, SESSION) as HookOutcome;
    return outcome.kind === "terminate" ? `ended by ${outcome.by}` : "goes on";
  };
  const reload = async (changed: object): Promise<void> => {
    await (await act.prepare(planOf(changed))).apply();
  };
  return { act, registry, logger, clock, fate, reload };
}

const NEVER = { policies: [{ name: "terminate", policy: "false" }] };

test("other policies judge the next answer, by the same chain", async () => {
  const { fate, reload, registry } = setUp(NEVER);
  const { chain } = registry.chain("OnTrafficFromClient");
  expect(fate()).toBe("goes on");
  await reload({});
  expect(fate()).toBe("ended by plugin");
  await reload(NEVER);
  expect(fate()).toBe("goes on");
  expect(registry.chain("OnTrafficFromClient").chain).toBe(chain);
});

test("what is prepared is not in effect", async () => {
  const { act, fate } = setUp(NEVER);
  await act.prepare(planOf({}));
  expect(fate()).toBe("goes on");
});

test("policies and rules that cannot be understood are refused", async () => {
  const { act, fate } = setUp(NEVER);
  const plan = planOf({});
  const policies = [{ name: "terminate", policy: "1 +", metadata: {} }];
  const bad = {
    after: { plugins: { ...plan.after.plugins, policies } } as unknown as LoadedConfig,
  };
  const refused = await act.prepare(bad).catch((error: unknown) => GatewayError.from(error));
  expect(refused).toMatchObject({ code: "ERR_CONFIG_INVALID" });
  expect(fate()).toBe("goes on");
});

test("other rules hold for the next event, and are taken off again", async () => {
  const { fate, reload } = setUp(NEVER);
  const rule = (condition: string) => ({
    name: "no",
    hook: "OnTrafficFromClient",
    condition,
    terminate: { sqlState: "42501", message: "no" },
  });
  await reload({ ...NEVER, rules: [rule(`query.contains("drop")`)] });
  expect([fate(), fate("drop table t")]).toEqual(["goes on", "ended by rules"]);
  await reload({ ...NEVER, rules: [rule(`"t" in tables`)] });
  expect([fate("drop owned by me"), fate("select from t")]).toEqual(["goes on", "ended by rules"]);
  await reload(NEVER);
  expect(fate("select from t")).toBe("goes on");
});

test("rules that stay as they are go on counting", async () => {
  const rules = [
    {
      name: "slowly",
      hook: "OnTrafficFromClient",
      condition: "true",
      rateLimit: { per: "user", requests: 2, interval: "1h", sqlState: "53400", message: "wait" },
    },
  ];
  const { fate, reload } = setUp({ ...NEVER, rules });
  expect(fate()).toBe("goes on");
  await reload({ ...NEVER, rules, actionTimeout: "1s" });
  expect([fate(), fate()]).toEqual(["goes on", "ended by rules"]);
});

let redis: RedisServer | undefined;
afterAll(async () => await redis?.[Symbol.asyncDispose]());

testNeeding("redis-server")(
  "asynchronous actions go to the Redis that is configured now",
  async () => {
    redis = await startRedis();
    const { act, fate, reload, clock, logger } = setUp();
    act.open();
    const heard: string[] = [];
    const listener = new RedisClient(`redis://${redis.address}`);
    for (const channel of ["first", "second"]) {
      await listener.subscribe(channel, (_, from) => void heard.push(from));
    }
    const on = (channel: string) => ({
      actionRedis: { enabled: true, address: redis?.address, channel, consume: false },
    });
    await reload(on("first"));
    fate("log");
    await waitFor("the first", () => heard.length === 1);
    await reload(on("second"));
    fate("log");
    await waitFor("the second", () => heard.length === 2);
    await reload({});
    fate("log");
    expect(logger.count("seen")).toBe(1);
    listener.close();
    await act.close();
    expect(heard).toEqual(["first", "second"]);
    expect(clock.timerCount).toBe(0);
  },
);
