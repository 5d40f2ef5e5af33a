import { afterEach, describe, expect, test } from "bun:test";
import { description } from "../../tests/fixtures/fake-plugin.ts";
import { endPluginSets, setUpPlugins, settle } from "../../tests/fixtures/plugin-set.ts";
import { GatewayError } from "../errors.ts";
import type { PluginAnswer } from "./index.ts";

afterEach(endPluginSets);

function code(answer: PluginAnswer): string {
  return answer.ok ? "ok" : answer.code;
}

const terminating = { entry: { onError: "terminate" } } as const;

describe("at boot", () => {
  test("enabled plugins start in the order of the list, and a priority is a place in it", async () => {
    const { set, host, trail, logger } = setUpPlugins([
      {},
      { entry: { isEnabled: false } },
      { hooks: ["OnTrafficFromClient", "OnTick"] },
    ]);
    await set.start();
    expect(trail()).toBe("a1 c1");
    expect(trail("OnTick")).toBe("c1");
    expect(host("b").starts).toBe(0);
    expect(set.snapshot().map(({ state, priority }) => [state.kind, priority])).toEqual([
      ["running", 1000],
      ["disabled", 1001],
      ["running", 1002],
    ]);
    expect(logger.count("Registering plugin hooks")).toBe(2);
    expect(logger.count("Plugin is ready")).toBe(2);
  });

  test("the next one starts when the one before runs", async () => {
    const { set, host } = setUpPlugins([{}, {}]);
    const gate = Promise.withResolvers<void>();
    host("a").gate = gate.promise;
    const started = set.start();
    await settle();
    expect([host("a").starts, host("b").starts]).toEqual([1, 0]);
    gate.resolve();
    await started;
    expect(host("b").starts).toBe(1);
  });

  test("what a plugin says of itself is kept, and its unknown hooks are logged", async () => {
    const { set, logger } = setUpPlugins([
      { tags: ["t"], categories: ["c"], unknownHooks: ["1000"], version: "3.1.0" },
    ]);
    await set.start();
    const [snapshot] = set.snapshot();
    expect(snapshot?.description).toMatchObject({ tags: ["t"], categories: ["c"] });
    expect(JSON.parse(JSON.stringify(set.snapshot()))).toEqual(set.snapshot());
    expect(logger.records.find(({ message }) => message === "Unknown hook of a plugin")).toEqual({
      level: "warn",
      message: "Unknown hook of a plugin",
      fields: { name: "a", hook: "1000" },
    });
  });

  test("a plugin that does not start does not keep the next ones, and is tried again", async () => {
    const { set, host, states, trail, reasons, pass } = setUpPlugins([{}, {}]);
    host("a").failure = new Error("no such file");
    await set.start();
    expect(states()).toEqual(["resting", "running"]);
    expect(reasons("Failed to start plugin")).toEqual(["no such file"]);
    host("a").failure = undefined;
    await pass(249);
    expect(trail()).toBe("b1");
    await pass(1);
    expect(trail()).toBe("a2 b1");
  });

  test("without restarts a plugin that does not start stays away", async () => {
    const { set, host, states, clock } = setUpPlugins([{}], { restarts: false });
    host("a").failure = new Error("no such file");
    await set.start();
    expect(states()).toEqual(["failed"]);
    expect(clock.timerCount).toBe(0);
  });

  test("a start has its time, and a plugin that comes later is stopped", async () => {
    const { set, host, reasons, pass, plugin, states } = setUpPlugins([{}], {
      startTimeoutMs: 10_000,
      restarts: false,
    });
    const gate = Promise.withResolvers<void>();
    host("a").gate = gate.promise;
    const started = set.start();
    await settle();
    await pass(9_999);
    expect(states()).toEqual(["starting"]);
    await pass(1);
    await started;
    expect(host("a").wasAborted).toBe(true);
    expect(reasons("Failed to start plugin")).toEqual(["its start took longer than 10000 ms"]);
    gate.resolve();
    await settle();
    expect(plugin("a").isStopped).toBe(true);
  });

  test("a plugin of another name is ended and not tried again", async () => {
    const { set, plugin, states, reasons, trail } = setUpPlugins([{ name: "other" }]);
    await set.start();
    expect(states()).toEqual(["failed"]);
    expect(plugin("a").isStopped).toBe(true);
    expect(reasons("Failed to start plugin")).toEqual(['the plugin calls itself "other"']);
    expect(trail()).toBe("");
  });

  test.each(["ERR_PLUGIN_UNUSABLE", "ERR_PLUGIN_CHECKSUM"] as const)(
    "what waiting does not mend (%s) is not tried again",
    async (code) => {
      const { set, host, states, clock } = setUpPlugins([{}]);
      host("a").failure = new GatewayError(code);
      await set.start();
      expect([states(), clock.timerCount]).toEqual([["failed"], 0]);
    },
  );
});

describe("a requirement", () => {
  const needsA = { requires: [{ name: "a", version: "1.0.0" }] };
  const needsB = { requires: [{ name: "b", version: "1.0.0" }] };

  test("that is met by a plugin before lets a plugin in", async () => {
    const { set, trail } = setUpPlugins([{}, needsA]);
    await set.start();
    expect(trail()).toBe("a1 b1");
  });

  test("that is not met keeps a plugin out of the hooks, and the log says so", async () => {
    const { set, trail, reasons, plugin, states, clock } = setUpPlugins(
      [{ version: "0.9.0" }, needsA],
      {
        periodMs: 0,
      },
    );
    await set.start();
    expect(trail()).toBe("a1");
    expect(states()).toEqual(["running", "failed"]);
    expect(plugin("b").isStopped).toBe(true);
    expect(reasons("Plugin is not registered")).toEqual([
      "it requires a 1.0.0: the one that runs has version 0.9.0",
    ]);
    expect(clock.timerCount).toBe(0);
  });

  test("may be met by plugins that come later in the list", async () => {
    const { set, trail } = setUpPlugins([needsB, { requires: [{ name: "c", version: "" }] }, {}]);
    await set.start();
    expect(trail()).toBe("a2 b2 c1");
  });

  test("that a plugin meets which starts late lets the other in then", async () => {
    const { set, host, trail, pass, states } = setUpPlugins([{}, needsA]);
    host("a").failure = new Error("not yet");
    await set.start();
    expect(states()).toEqual(["resting", "failed"]);
    host("a").failure = undefined;
    await pass(250);
    expect(trail()).toBe("a2 b2");
  });

  test("is no concern of a plugin that runs already", async () => {
    const { set, trail } = setUpPlugins([{}, needsA]);
    await set.start();
    await set.disable("a");
    expect(trail()).toBe("b1");
    expect(code(await set.reload("b"))).toBe("ERR_PLUGIN_REQUIREMENT");
    expect(trail()).toBe("b1");
  });
});

describe("reload", () => {
  test("puts a new run in the place of the old one, and ends that when no event can call it any more", async () => {
    const { set, host, trail, pass } = setUpPlugins([{}, {}]);
    await set.start();
    const [old] = host("a").plugins;
    const gate = Promise.withResolvers<void>();
    host("a").gate = gate.promise;
    const reloaded = set.reload("a");
    await settle();
    expect([trail(), old?.isStopped]).toEqual(["a1 b1", false]);
    gate.resolve();
    expect(await reloaded).toMatchObject({ ok: true, plugin: { name: "a", restarts: 1 } });
    expect([trail(), old?.isStopped]).toEqual(["a2 b1", false]);
    await pass(1_000);
    expect(old?.isStopped).toBe(true);
  });

  test("lets the old run answer the calls that it has, as long as anybody waits for them", async () => {
    const { set, host, pass } = setUpPlugins([{}], { periodMs: 0 });
    await set.start();
    let callsUnderWay = 3;
    for (let round = 0; round < 2; round++) {
      host("a").plugin.activity = () => ({ callsUnderWay });
      await set.reload("a");
    }
    const [first, second] = host("a").plugins;
    await pass(10_000);
    expect([first?.isStopped, second?.isStopped]).toEqual([false, false]);
    callsUnderWay = 0;
    await pass(1_000);
    expect([first?.isStopped, second?.isStopped]).toEqual([true, true]);
    host("a").plugin.activity = () => ({ callsUnderWay: 1 });
    await set.reload("a");
    await pass(29_000);
    expect(host("a").plugins[2]?.isStopped).toBe(false);
    await pass(1_000);
    expect(host("a").plugins[2]?.isStopped).toBe(true);
  });

  test("sends what comes from another plugin to the new run, if that wants it", async () => {
    const { set, host, registry, pass } = setUpPlugins([{}]);
    await set.start();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const events = gates.map(({ promise }) => {
      const slow = { name: "s", priority: 1, onError: "continue", handler: () => promise } as const;
      const remove = registry.register("OnTrafficFromClient", slow);
      const event = registry.chain("OnTrafficFromClient").chain?.run({ trail: "" });
      remove();
      return event;
    });
    await set.reload("a");
    await pass(10_000);
    gates[0]?.resolve();
    expect(await events[0]).toMatchObject({ kind: "continue", payload: { trail: "a2 " } });
    host("a").described = description("a", { hooks: ["OnTick"] });
    await set.reload("a");
    gates[1]?.resolve();
    expect(await events[1]).toEqual({ kind: "continue", payload: { trail: "" } });
  });

  test("that fails leaves the run that serves, and says why", async () => {
    const { set, host, trail, states, logger } = setUpPlugins([{}]);
    await set.start();
    host("a").failure = new Error("syntax error");
    expect(await set.reload("a")).toEqual({
      ok: false,
      code: "ERR_INTERNAL",
      message: "syntax error",
    });
    expect([trail(), states()]).toEqual(["a1", ["running"]]);
    expect(logger.records.at(-1)?.fields).toMatchObject({ name: "a", kept: true });
  });

  test("takes hooks away and adds others, as the new run has them", async () => {
    const { set, host, trail } = setUpPlugins([{}]);
    await set.start();
    host("a").described = description("a", { hooks: ["OnTick"] });
    await set.reload("a");
    expect([trail(), trail("OnTick")]).toEqual(["", "a2"]);
  });

  test("of a plugin that rests starts it at once", async () => {
    const { set, plugin, trail, pass, host } = setUpPlugins([{}], { periodMs: 0 });
    await set.start();
    plugin("a").crash();
    await settle();
    await set.reload("a");
    expect(trail()).toBe("a2");
    await pass(1_000_000);
    expect(host("a").starts).toBe(2);
  });

  test("that fails while the plugin rests lets it rest on", async () => {
    const { set, plugin, host, trail, pass } = setUpPlugins([{}]);
    await set.start();
    plugin("a").crash();
    await settle();
    host("a").failure = new Error("not yet");
    expect(code(await set.reload("a"))).toBe("ERR_INTERNAL");
    host("a").failure = undefined;
    await pass(250);
    expect(trail()).toBe("a3");
  });

  test("goes on when the run that serves is lost meanwhile", async () => {
    const { set, plugin, host, trail, pass, states } = setUpPlugins([{}], { periodMs: 0 });
    await set.start();
    const gate = Promise.withResolvers<void>();
    host("a").gate = gate.promise;
    const reloaded = set.reload("a");
    await settle();
    plugin("a").crash();
    await settle();
    expect([trail(), states()]).toEqual(["", ["resting"]]);
    gate.resolve();
    expect(code(await reloaded)).toBe("ok");
    await pass(1_000_000);
    expect([trail(), host("a").starts]).toEqual(["a2", 2]);
  });

  test("that fails after the run that served was lost counts as one failure", async () => {
    const { set, plugin, host, pass, pause, clock } = setUpPlugins([{}], { periodMs: 0 });
    await set.start();
    const gate = Promise.withResolvers<void>();
    host("a").gate = gate.promise;
    const reloaded = set.reload("a");
    await settle();
    plugin("a").crash();
    await settle();
    host("a").failure = new Error("syntax error");
    gate.resolve();
    expect(code(await reloaded)).toBe("ERR_INTERNAL");
    expect([pause(), clock.timerCount]).toEqual([250, 1]);
    host("a").failure = undefined;
    await pass(1_000_000);
    expect(host("a").starts).toBe(3);
  });

  test("by what cannot run here leaves what is said of the run that serves", async () => {
    const { set, host } = setUpPlugins([{}]);
    await set.start();
    const requires = [{ name: "z", version: "" }];
    host("a").described = description("a", { version: "2.0.0", requires });
    expect(code(await set.reload("a"))).toBe("ERR_PLUGIN_REQUIREMENT");
    expect(set.snapshot()[0]?.description?.version).toBe("1.0.0");
  });

  test("of many at once are made one after the other", async () => {
    const { set, host, trail, pass } = setUpPlugins([{}]);
    await set.start();
    const answers = await Promise.all(Array.from({ length: 20 }, () => set.reload("a")));
    expect(answers.map(code)).toEqual(Array.from({ length: 20 }, () => "ok"));
    expect(trail()).toBe("a21");
    await pass(1_000);
    expect(host("a").plugins.filter(({ isStopped }) => !isStopped)).toHaveLength(1);
  });

  test("of a plugin that is disabled or unknown is refused", async () => {
    const { set } = setUpPlugins([{ entry: { isEnabled: false } }]);
    await set.start();
    expect(code(await set.reload("a"))).toBe("ERR_PLUGIN_DISABLED");
    expect(await set.reload("z")).toEqual({
      ok: false,
      code: "ERR_PLUGIN_UNKNOWN",
      message: 'no plugin is named "z"',
    });
  });
});

describe("enable and disable", () => {
  test("keep the plugin's place", async () => {
    const { set, trail, plugin } = setUpPlugins([{}, {}, {}]);
    await set.start();
    expect(await set.disable("b")).toMatchObject({ ok: true, plugin: { isEnabled: false } });
    expect(trail()).toBe("a1 c1");
    expect(plugin("b").isStopped).toBe(true);
    expect(await set.enable("b")).toMatchObject({ ok: true, plugin: { isEnabled: true } });
    expect(trail()).toBe("a1 b2 c1");
    expect(code(await set.enable("b"))).toBe("ok");
    expect(trail()).toBe("a1 b2 c1");
  });

  test("a plugin that is away is started when it is enabled", async () => {
    const { set, host, states, trail } = setUpPlugins([{}]);
    host("a").failure = new Error("no such file");
    await set.start();
    expect(await set.enable("a")).toMatchObject({ ok: false, message: "no such file" });
    expect(states()).toEqual(["resting"]);
    host("a").failure = undefined;
    expect(code(await set.enable("a"))).toBe("ok");
    expect([trail(), states()]).toEqual(["a3", ["running"]]);
  });

  test("a plugin that does not start when it is enabled stays disabled", async () => {
    const { set, host, states, trail, clock } = setUpPlugins([
      { entry: { isEnabled: false, onError: "terminate" } },
    ]);
    await set.start();
    host("a").failure = new Error("no such file");
    expect(await set.enable("a")).toMatchObject({ ok: false, message: "no such file" });
    expect([states(), trail(), clock.timerCount]).toEqual([["disabled"], "", 0]);
    host("a").failure = undefined;
    expect(code(await set.enable("a"))).toBe("ok");
  });

  test("disabling ends a start that is under way, and a pause", async () => {
    const { set, host, states, plugin, clock, logger } = setUpPlugins([
      { entry: { isEnabled: false } },
    ]);
    await set.start();
    const gate = Promise.withResolvers<void>();
    host("a").gate = gate.promise;
    const enabled = set.enable("a");
    await settle();
    expect(code(await set.disable("a"))).toBe("ok");
    expect(code(await enabled)).toBe("ERR_PLUGIN_DISABLED");
    expect(states()).toEqual(["disabled"]);
    gate.resolve();
    await settle();
    expect(plugin("a").isStopped).toBe(true);
    expect(logger.count("Failed to start plugin")).toBe(0);

    await set.enable("a");
    plugin("a").crash();
    await settle();
    await set.disable("a");
    expect([states(), clock.timerCount]).toEqual([["disabled"], 0]);
  });
});

describe("at the end", () => {
  test("nothing is started any more, and what runs goes on until it is stopped", async () => {
    const { set, plugin, host, trail, pass, clock } = setUpPlugins([{}, terminating]);
    await set.start();
    set.quiesce();
    expect([trail(), clock.timerCount]).toEqual(["a1 b1", 0]);
    plugin("b").crash();
    await pass(1_000_000);
    expect([trail(), host("b").starts]).toEqual(["terminated by b", 1]);
    expect(code(await set.reload("a"))).toBe("ERR_SHUTTING_DOWN");
    expect(trail()).toBe("terminated by b");
    await set.stop();
    expect(trail()).toBe("");
    expect(code(await set.enable("a"))).toBe("ERR_SHUTTING_DOWN");
  });

  test("a boot that is stopped starts no further plugin", async () => {
    const { set, host } = setUpPlugins([{}, {}]);
    host("a").gate = new Promise(() => {});
    const started = set.start();
    await settle();
    await set.stop();
    await started;
    expect([host("a").wasAborted, host("b").starts]).toEqual([true, 0]);
  });
});
