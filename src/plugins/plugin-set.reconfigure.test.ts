import { afterEach, describe, expect, test } from "bun:test";
import type { HookOutcome } from "../hooks/index.ts";
import { endPluginSets, PERIOD_MS, setUpPlugins, settle } from "../../tests/fixtures/plugin-set.ts";

afterEach(endPluginSets);

const A = { name: "a" };
const B = { name: "b" };
const C = { name: "c" };

/** Longer than a run that was replaced or left is given at least. */
const RETIRED_MS = 1_500;

describe("another list", () => {
  test("that is the same changes nothing", async () => {
    const { set, reconfigure, trail, host } = setUpPlugins([{}, {}]);
    await set.start();
    expect(await reconfigure([A, B])).toEqual([]);
    expect([trail(), host("a").starts, host("b").starts]).toEqual(["a1 b1", 1, 1]);
  });

  test("with a plugin more starts that one, in its place", async () => {
    const { set, reconfigure, trail, host } = setUpPlugins([{}, {}]);
    await set.start();
    expect(await reconfigure([A, C, B])).toEqual([
      { name: "c", change: "added", problem: undefined },
    ]);
    expect(trail()).toBe("a1 c1 b1");
    expect([host("a").starts, host("b").starts]).toEqual([1, 1]);
    expect(set.snapshot().map(({ name, priority }) => [name, priority])).toEqual([
      ["a", 1000],
      ["c", 1001],
      ["b", 1002],
    ]);
  });

  test("in another order moves them between two events, without a start", async () => {
    const { set, reconfigure, trail, host } = setUpPlugins([{}, {}, {}]);
    await set.start();
    const changing = reconfigure([C, A, B]);
    expect(trail()).toBe("c1 a1 b1");
    expect(await changing).toEqual([]);
    expect(["a", "b", "c"].map((name) => host(name).starts)).toEqual([1, 1, 1]);
  });

  test("without a plugin leaves it at once, and ends it when it has answered its calls", async () => {
    const { set, reconfigure, trail, plugin, pass, logger } = setUpPlugins([{}, {}]);
    await set.start();
    let callsUnderWay = 1;
    plugin("a").activity = () => ({ callsUnderWay });
    const changing = reconfigure([B]);
    expect(trail()).toBe("b1");
    expect(await changing).toEqual([{ name: "a", change: "removed", problem: undefined }]);
    expect(set.snapshot().map(({ name }) => name)).toEqual(["b"]);
    await pass(RETIRED_MS);
    expect(plugin("a").isStopped).toBe(false);
    callsUnderWay = 0;
    await pass(RETIRED_MS);
    expect(plugin("a").isStopped).toBe(true);
    plugin("a").crash();
    await settle();
    expect(logger.count("Plugin is lost")).toBe(0);
  });

  test("ends a plugin that is leaving when the gateway ends", async () => {
    const { set, reconfigure, plugin } = setUpPlugins([{}]);
    await set.start();
    plugin("a").activity = () => ({ callsUnderWay: 1 });
    await reconfigure([]);
    await set.stop();
    expect(plugin("a").isStopped).toBe(true);
  });

  test("takes a plugin back that has left and is not gone", async () => {
    const { set, reconfigure, trail, plugin, host, pass } = setUpPlugins([{}]);
    await set.start();
    const first = plugin("a");
    await reconfigure([]);
    await reconfigure([A]);
    expect([trail(), host("a").starts]).toEqual(["a2", 2]);
    await pass(RETIRED_MS);
    expect([first.isStopped, plugin("a").isStopped]).toEqual([true, false]);
  });

  test("lets an event that is with another plugin go on past one that has left", async () => {
    const { set, reconfigure, registry, pass } = setUpPlugins([
      {},
      { entry: { onError: "terminate" } },
    ]);
    await set.start();
    const gate = Promise.withResolvers<void>();
    const remove = registry.register("OnTrafficFromClient", {
      name: "z",
      priority: 1,
      onError: "continue",
      handler: async () => {
        await gate.promise;
        return undefined;
      },
    });
    const running = registry.chain("OnTrafficFromClient").chain?.run({});
    await reconfigure([A]);
    await pass(RETIRED_MS);
    gate.resolve();
    expect((await running) as HookOutcome).toMatchObject({
      kind: "continue",
      payload: { trail: "a1 " },
    });
    remove();
  });

  test("gives up a start of a plugin that it does not have", async () => {
    const { set, reconfigure, host, plugin, states } = setUpPlugins([{}]);
    await set.start();
    const gate = Promise.withResolvers<void>();
    host("b").gate = gate.promise;
    const adding = reconfigure([A, B]);
    await settle();
    await reconfigure([A]);
    gate.resolve();
    await adding;
    await settle();
    expect([states(), host("b").wasAborted, plugin("b").isStopped]).toEqual([
      ["running"],
      true,
      true,
    ]);
  });
});

describe("another entry", () => {
  test("of which a run depends has the plugin reloaded, and no other", async () => {
    const { set, reconfigure, trail, host, plugin, pass } = setUpPlugins([{}, {}]);
    await set.start();
    const first = plugin("a");
    expect(await reconfigure([{ ...A, runKey: "other" }, B])).toEqual([
      { name: "a", change: "reloaded", problem: undefined },
    ]);
    expect([trail(), host("b").starts]).toEqual(["a2 b1", 1]);
    await pass(RETIRED_MS);
    expect(first.isStopped).toBe(true);
  });

  test("that does not run leaves the old run in its place, and says why", async () => {
    const { set, reconfigure, trail, host, states } = setUpPlugins([{}, {}]);
    await set.start();
    host("a").failure = new Error("no such file");
    expect(await reconfigure([{ ...A, runKey: "other" }, B])).toEqual([
      { name: "a", change: "reloaded", problem: "no such file" },
    ]);
    expect([trail(), states()]).toEqual(["a1 b1", ["running", "running"]]);
  });

  test("that disables a plugin ends it, and one that enables it starts it", async () => {
    const { set, reconfigure, trail, states } = setUpPlugins([{}, {}]);
    await set.start();
    const off = { ...A, isEnabled: false };
    expect(await reconfigure([off, B])).toEqual([
      { name: "a", change: "disabled", problem: undefined },
    ]);
    expect([trail(), states()]).toEqual(["b1", ["disabled", "running"]]);
    expect(await reconfigure([A, B])).toEqual([
      { name: "a", change: "enabled", problem: undefined },
    ]);
    expect(trail()).toBe("a2 b1");
  });

  test("leaves alone what a command has disabled", async () => {
    const { set, reconfigure, trail, host } = setUpPlugins([{}]);
    await set.start();
    await set.disable("a");
    expect(await reconfigure([{ ...A, runKey: "other" }])).toEqual([]);
    expect([trail(), host("a").starts]).toEqual(["", 1]);
    await set.enable("a");
    expect(trail()).toBe("a2");
  });

  test("with another onError counts at once for a plugin that is away", async () => {
    const { set, reconfigure, trail, host } = setUpPlugins([{}]);
    host("a").failure = new Error("no such file");
    await set.start();
    expect(trail()).toBe("");
    await reconfigure([{ ...A, onError: "terminate" }]);
    expect(trail()).toBe("terminated by a");
    await reconfigure([A]);
    expect(trail()).toBe("");
  });

  test("with another host starts that one from the next time on", async () => {
    const { set, reconfigure, trail, host, plugin, pass, pause } = setUpPlugins([{}]);
    await set.start();
    const other = host("b");
    other.described = host("a").described;
    await reconfigure([{ ...A, host: other }]);
    expect(trail()).toBe("a1");
    plugin("a").crash();
    await settle();
    await pass(pause());
    expect([host("a").starts, other.starts, trail()]).toEqual([1, 1, "a1"]);
  });
});

describe("a plugin that does not come up", () => {
  test("is told of and tried again, and the others stay", async () => {
    const { set, reconfigure, trail, host, states, pass, logger } = setUpPlugins([{}]);
    await set.start();
    host("b").failure = new Error("no such file");
    expect(await reconfigure([B, A])).toEqual([
      { name: "b", change: "added", problem: "no such file" },
    ]);
    expect([trail(), states()]).toEqual(["a1", ["resting", "running"]]);
    expect(logger.count("Failed to start plugin")).toBe(1);
    host("b").failure = undefined;
    await pass(PERIOD_MS);
    expect(trail()).toBe("b2 a1");
  });

  test("and has been given up is started again by the next change", async () => {
    const { set, reconfigure, trail, host } = setUpPlugins([{}], { restarts: false });
    host("a").failure = new Error("no such file");
    await set.start();
    host("a").failure = undefined;
    expect(await reconfigure([A])).toEqual([{ name: "a", change: "started", problem: undefined }]);
    expect(trail()).toBe("a2");
  });

  test("for want of one that comes later is started when that runs", async () => {
    const { set, reconfigure, trail, host } = setUpPlugins([]);
    await set.start();
    host("a").described = { ...host("a").described, requires: [{ name: "b", version: "" }] };
    const changes = await reconfigure([A, B]);
    expect(changes.map(({ problem }) => problem)).toEqual([undefined, undefined]);
    expect(trail()).toBe("a2 b1");
  });
});

describe("other terms", () => {
  test("have pings begin and end", async () => {
    const { set, reconfigure, plugin, pass } = setUpPlugins([{}], { periodMs: 0 });
    await set.start();
    await pass(60_000);
    expect(plugin("a").pings).toBe(0);
    await reconfigure([A], { healthCheckPeriodMs: 1_000 });
    await pass(1_000);
    await pass(1_000);
    expect(plugin("a").pings).toBe(2);
    await reconfigure([A], { healthCheckPeriodMs: 0 });
    await pass(60_000);
    expect(plugin("a").pings).toBe(2);
  });

  test("hold for the next loss of a plugin", async () => {
    const { set, reconfigure, plugin, states } = setUpPlugins([{}]);
    await set.start();
    await reconfigure([A], { restarts: false });
    plugin("a").crash();
    await settle();
    expect(states()).toEqual(["failed"]);
  });

  test("start nothing when the end is near", async () => {
    const { set, reconfigure, host } = setUpPlugins([{}]);
    await set.start();
    set.quiesce();
    const [change] = await reconfigure([A, B]);
    expect(change?.name).toBe("b");
    expect(host("b").starts).toBe(0);
  });
});
