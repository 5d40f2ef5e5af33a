import { afterEach, describe, expect, test } from "bun:test";
import { endPluginSets, PERIOD_MS, setUpPlugins, settle } from "../../tests/fixtures/plugin-set.ts";

afterEach(endPluginSets);

const terminating = { entry: { onError: "terminate" } } as const;

describe("a plugin that ends by itself", () => {
  test("leaves the hooks at once and comes back in its place", async () => {
    const { set, plugin, trail, states, reasons, pass } = setUpPlugins([{}, {}, {}]);
    await set.start();
    plugin("b").crash("killed by SIGKILL");
    await settle();
    expect(trail()).toBe("a1 c1");
    expect(states()).toEqual(["running", "resting", "running"]);
    expect(reasons("Plugin is lost")).toEqual(["killed by SIGKILL"]);
    expect(set.running().map((running) => running.description.name)).toEqual(["a", "c"]);
    expect(plugin("b").isStopped).toBe(true);
    await pass(250);
    expect(trail()).toBe("a1 b2 c1");
    expect(set.snapshot()[1]).toMatchObject({ priority: 1001, restarts: 1 });
  });

  test("again and again is started after longer and longer pauses, up to a minute", async () => {
    const { set, host, pass, pause } = setUpPlugins([{}], { periodMs: 0 });
    await set.start();
    const pauses: number[] = [];
    for (let round = 0; round < 11; round++) {
      host("a").plugin.crash();
      await settle();
      pauses.push(pause());
      await pass(pause());
    }
    expect(pauses).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ]);
  });

  test("after a minute of good service begins with the shortest pause again", async () => {
    const { set, host, pass, pause } = setUpPlugins([{}], { periodMs: 0 });
    await set.start();
    for (const serviceMs of [0, 0, 60_000]) {
      await pass(serviceMs);
      host("a").plugin.crash();
      await settle();
      if (serviceMs > 0) expect(pause()).toBe(250);
      await pass(10_000);
    }
  });

  test("without restarts stays away", async () => {
    const { set, plugin, states, pass, host } = setUpPlugins([{}], { restarts: false });
    await set.start();
    plugin("a").crash();
    await pass(1_000_000);
    expect(states()).toEqual(["failed"]);
    expect(host("a").starts).toBe(1);
    expect(await set.reload("a")).toMatchObject({ ok: true });
    expect(states()).toEqual(["running"]);
  });
});

describe("a ping", () => {
  test("comes every so often", async () => {
    const { set, plugin, pass } = setUpPlugins([{}, {}]);
    await set.start();
    for (let round = 0; round < 3; round++) await pass(PERIOD_MS);
    expect([plugin("a").pings, plugin("b").pings]).toEqual([3, 3]);
  });

  test("that fails means that the plugin is lost", async () => {
    const { set, plugin, pass, trail, reasons } = setUpPlugins([{}]);
    await set.start();
    const first = plugin("a");
    first.illness = "NOT_SERVING";
    await pass(PERIOD_MS);
    expect(trail()).toBe("");
    expect(first.isStopped).toBe(true);
    expect(reasons("Plugin is lost")).toEqual(["NOT_SERVING"]);
    await pass(250);
    expect(trail()).toBe("a2");
  });

  test("that is not answered is a failure, and holds up no other plugin", async () => {
    const { set, plugin, pass, trail, reasons } = setUpPlugins([{}, {}], { periodMs: 60_000 });
    await set.start();
    plugin("a").isHung = true;
    await pass(60_000);
    expect(plugin("b").pings).toBe(1);
    expect(trail()).toBe("a1 b1");
    await pass(5_000);
    expect(trail()).toBe("b1");
    expect(reasons("Plugin is lost")).toEqual(["a ping took longer than 5000 ms"]);
    await pass(250);
    expect(trail()).toBe("a2 b1");
  });

  test("that is missed says nothing while the plugin answers calls", async () => {
    const { set, plugin, pass, trail } = setUpPlugins([{}]);
    await set.start();
    const busy = plugin("a");
    let callsAnswered = 0;
    busy.isHung = true;
    busy.activity = () => ({ callsUnderWay: 3, callsAnswered: callsAnswered++ });
    for (let round = 0; round < 10; round++) await pass(PERIOD_MS);
    expect([trail(), busy.pings]).toEqual(["a1", 5]);
    busy.activity = () => ({ callsUnderWay: 0, callsAnswered });
    for (let round = 0; round < 2; round++) await pass(PERIOD_MS);
    expect(trail()).toBe("");
  });

  test("may be missed once by a plugin that has calls to answer, and not twice", async () => {
    const { set, plugin, pass, trail } = setUpPlugins([{}]);
    await set.start();
    const busy = plugin("a");
    const missed = async (callsUnderWay: number): Promise<void> => {
      busy.isHung = true;
      busy.activity = () => ({ callsUnderWay, callsAnswered: 0 });
      for (let round = 0; round < 2; round++) await pass(PERIOD_MS);
    };
    await missed(1);
    busy.isHung = false;
    await pass(PERIOD_MS);
    await missed(1);
    expect(trail()).toBe("a1");
    await missed(1);
    expect(trail()).toBe("");
  });

  test("has at least a second", async () => {
    const { set, plugin, pass, trail } = setUpPlugins([{}], { periodMs: 10 });
    await set.start();
    plugin("a").isHung = true;
    await pass(10);
    await pass(999);
    expect(trail()).toBe("a1");
    await pass(1);
    expect(trail()).toBe("");
  });

  test("that could not be heard because the gateway was held up says nothing", async () => {
    const { set, plugin, clock, pass, trail } = setUpPlugins([{}]);
    await set.start();
    plugin("a").isHung = true;
    await pass(PERIOD_MS);
    clock.stall(7_000);
    await pass(0);
    expect(trail()).toBe("a1");
    plugin("a").isHung = false;
    await pass(PERIOD_MS);
    await pass(PERIOD_MS);
    expect([trail(), plugin("a").pings]).toEqual(["a1", 3]);
  });

  test("of a run that was replaced meanwhile is nobody's failure", async () => {
    const { set, plugin, pass, trail } = setUpPlugins([{}]);
    await set.start();
    plugin("a").isHung = true;
    await pass(PERIOD_MS);
    await set.reload("a");
    await pass(PERIOD_MS);
    expect(trail()).toBe("a2");
    expect(plugin("a").pings).toBe(1);
  });
});

describe("with onError terminate", () => {
  test("traffic is terminated while a plugin is away, by those hooks that it has", async () => {
    const { set, plugin, trail, pass } = setUpPlugins([
      {},
      { ...terminating, hooks: ["OnTrafficFromClient", "OnTrafficToClient"] },
    ]);
    await set.start();
    plugin("b").crash();
    await settle();
    expect(trail()).toBe("terminated by b");
    expect(trail("OnTrafficToClient")).toBe("terminated by b");
    expect(trail("OnTrafficFromServer")).toBe("");
    await pass(250);
    expect(trail()).toBe("a1 b2");
    expect(trail("OnTrafficToClient")).toBe("b2");
  });

  test("no traffic passes a plugin that has never started", async () => {
    const { set, host, trail, pass } = setUpPlugins([{ ...terminating, hooks: ["OnTick"] }]);
    host("a").failure = new Error("no such file");
    await set.start();
    expect(trail()).toBe("terminated by a");
    host("a").failure = undefined;
    await pass(250);
    expect([trail(), trail("OnTick")]).toEqual(["", "a2"]);
  });

  test("nor one that lacks another, or has failed for good", async () => {
    const { set, trail, states } = setUpPlugins([
      { ...terminating, requires: [{ name: "c", version: "" }] },
      { ...terminating, name: "other", hooks: ["OnTick"] },
    ]);
    await set.start();
    expect(states()).toEqual(["failed", "failed"]);
    expect(trail()).toBe("terminated by a");
    await set.disable("a");
    expect(trail()).toBe("terminated by b");
    await set.disable("b");
    expect(trail()).toBe("");
  });

  test("traffic goes on while a plugin is enabled or reloaded", async () => {
    const { set, host, trail } = setUpPlugins([
      { entry: { onError: "terminate", isEnabled: false } },
    ]);
    await set.start();
    const gate = Promise.withResolvers<void>();
    host("a").gate = gate.promise;
    const enabled = set.enable("a");
    await settle();
    expect(trail()).toBe("");
    gate.resolve();
    await enabled;
    host("a").gate = new Promise(() => {});
    void set.reload("a");
    await settle();
    expect(trail()).toBe("a1");
  });
});
