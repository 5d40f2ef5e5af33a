import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryLogger } from "../../../tests/fixtures/memory-logger.ts";
import { waitFor } from "../../../tests/kit/index.ts";
import type { Schedule, SessionView } from "../../hooks/index.ts";
import type { RunningPlugin } from "../plugin-host.ts";
import { createModuleHost } from "./index.ts";
import { reportStrayError } from "../stray-errors.ts";
import type { ModuleEntry, ModuleSurroundings } from "./index.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-module-"));
});

afterAll(() => rm(directory, { recursive: true }));

const schedule: Schedule = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
};

let fileNumber = 0;

/** Writes a module whose setup is this code, and answers its path. */
async function moduleOf(setup: string, top = ""): Promise<string> {
  const path = join(directory, `module-${fileNumber++}.ts`);
  await writeFile(
    path,
    `import { definePlugin, terminate, errorResponse, connectionState } from "gatewayd/sdk";
     ${top}
     export default definePlugin({ name: "p", version: "1.2.3", setup(context) { ${setup} } });`,
  );
  return path;
}

type Isolation = ModuleEntry["isolation"];

function hostOf(
  localPath: string,
  isolation: Isolation,
  entry: Partial<ModuleEntry> = {},
  surroundings: Partial<ModuleSurroundings> = {},
) {
  const logger = new MemoryLogger();
  const host = createModuleHost(
    { name: "p", localPath, isolation, checksum: "", config: {}, timeout: 0, ...entry },
    { logger, schedule, chainTimeoutMs: 0, ...surroundings },
  );
  return { host, records: logger.records };
}

async function started(
  path: string,
  isolation: Isolation,
  entry: Partial<ModuleEntry> = {},
  surroundings: Partial<ModuleSurroundings> = {},
) {
  const { host, records } = hostOf(path, isolation, entry, surroundings);
  const plugin = await host.start(new AbortController().signal);
  return { plugin, records, [Symbol.asyncDispose]: () => plugin.stop() };
}

const never = (): AbortSignal => new AbortController().signal;

async function call(
  plugin: RunningPlugin,
  sql: string,
  session = sessionOf("ann"),
): Promise<unknown> {
  const request = Buffer.concat([Buffer.from("Q\0\0\0\0"), Buffer.from(`${sql}\0`)]);
  request.writeInt32BE(request.length - 1, 1);
  return await plugin.handler("OnTrafficFromClient")({ request }, session);
}

/** The SQL of a request that a handler has rewritten. */
function sqlIn(answer: unknown): string {
  const { request } = answer as { readonly request: Uint8Array };
  return Buffer.from(request).toString("utf8", 5, request.length - 1);
}

const sessionOf = (user: string): SessionView => ({
  id: user,
  user,
  database: "db",
  applicationName: undefined,
  transactionStatus: "idle",
});

describe.each(["inline", "worker"] as const)("a module that runs %s", (isolation) => {
  test("says what it is, and its handlers answer", async () => {
    const path = await moduleOf(`
      return {
        onTrafficFromClient(event) {
          if (event.query === "no") return terminate({ response: errorResponse({ message: "no" }) });
          if (event.query === "later") return Promise.resolve().then(() => event.rewrite("now"));
          if (event.query === "who") event.rewrite(event.session.user);
          if (event.query === "fail") throw new Error("handler broke");
        },
        onTrafic() {},
      };`);
    await using inside = await started(path, isolation);
    const { plugin } = inside;
    expect(plugin.description).toMatchObject({
      name: "p",
      version: "1.2.3",
      hooks: ["OnTrafficFromClient"],
      unknownHooks: ["onTrafic"],
    });
    expect(await call(plugin, "yes")).toBeUndefined();
    expect(await call(plugin, "no")).toMatchObject({ response: expect.any(Uint8Array) });
    expect(sqlIn(await call(plugin, "later"))).toBe("now");
    expect(sqlIn(await call(plugin, "who"))).toBe("ann");
    // The matcher `rejects` waits in a way in which a worker is never asked.
    const failure: unknown = await call(plugin, "fail").catch((error: unknown) => error);
    expect(failure).toHaveProperty("message", "handler broke");
    await plugin.ping(never());
  });

  test("imports the files beside it, and gets its settings", async () => {
    await writeFile(join(directory, `word-${isolation}.ts`), 'export const word = "from a file";');
    const path = await moduleOf(
      "return { onTrafficFromClient: (event) => event.rewrite(word + context.config.more) };",
      `import { word } from "./word-${isolation}";`,
    );
    await using inside = await started(path, isolation, { config: { more: "!" } });
    expect(sqlIn(await call(inside.plugin, "q"))).toBe("from a file!");
  });

  test("keeps what it remembers of a connection apart from the next", async () => {
    const path = await moduleOf(`
      const counts = connectionState(() => ({ n: 0 }));
      return { onTrafficFromClient: (event) => event.rewrite(String(++counts.of(event).n)) };`);
    await using inside = await started(path, isolation);
    const [ann, bob] = [sessionOf("ann"), sessionOf("bob")];
    const counts: string[] = [];
    for (const session of [ann, ann, bob, ann]) {
      counts.push(sqlIn(await call(inside.plugin, "q", session)));
    }
    expect(counts).toEqual(["1", "2", "1", "3"]);
  });

  test("logs under its name and has metrics", async () => {
    const path = await moduleOf(`
      const seen = context.metrics.counter({ name: "seen_total", help: "Seen." });
      return {
        onTrafficFromClient() { seen.inc(); context.logger.warn("careful", { n: 1, f: () => 1 }); },
      };`);
    await using inside = await started(path, isolation);
    await call(inside.plugin, "q");
    expect(await inside.plugin.scrape(never())).toContain("seen_total 1");
    await waitFor("the line", () => inside.records.length > 0);
    expect(inside.records).toMatchObject([{ level: "warn", message: "careful", fields: { n: 1 } }]);
  });

  test("is read anew at each start, with the files it imports", async () => {
    const beside = join(directory, `version-${isolation}.ts`);
    await writeFile(beside, 'export const version = "1";');
    const path = await moduleOf(
      "return { onTrafficFromClient: (event) => event.rewrite(version) };",
      `import { version } from "./version-${isolation}";`,
    );
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    await using first = await started(path, isolation, {}, { onChange: resolve });
    await writeFile(beside, 'export const version = "2";');
    await changed;
    await using second = await started(path, isolation);
    expect(sqlIn(await call(second.plugin, "q"))).toBe("2");
    expect(sqlIn(await call(first.plugin, "q"))).toBe("1");
  });

  test.each([
    ["throws", 'export const word = ""; throw new Error("broken");', "broken"],
    ["has mistakes", "export const word = ;", "cannot be loaded"],
    ["lacks what is imported", "export const other = 1;", "word"],
    ["is missing", undefined, "cannot be loaded"],
  ])("starts when it is mended that a file %s that it imports", async (_, broken, problem) => {
    const number = fileNumber++;
    const beside = join(directory, `beside-${number}.ts`);
    const between = join(directory, `between-${number}.ts`);
    const write = (source: string) => writeFile(beside, source);
    await writeFile(between, `export { word } from "./beside-${number}";`);
    const path = await moduleOf(
      "return { onTrafficFromClient: (event) => event.rewrite(word) };",
      `import { word } from "./between-${number}";`,
    );
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    const { host } = hostOf(path, isolation, {}, { onChange: resolve });
    if (broken !== undefined) await write(broken);
    const failure: unknown = await host.start(never()).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "ERR_PLUGIN_MODULE",
      message: expect.stringContaining(problem),
    });
    if (broken === undefined) await writeFile(between, 'export const word = "mended";');
    else await write('export const word = "mended";');
    await changed;
    const plugin = await host.start(never());
    expect(sqlIn(await call(plugin, "q"))).toBe("mended");
    await plugin.stop();
  });

  test("is read anew where it shares a file with another", async () => {
    const beside = join(directory, `shared-${isolation}.ts`);
    await writeFile(beside, 'export const word = "old";');
    const source = `import { word } from "./shared-${isolation}";`;
    const setup = "return { onTrafficFromClient: (event) => event.rewrite(word) };";
    await using first = await started(await moduleOf(setup, source), isolation);
    const path = await moduleOf(setup, source);
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    await using second = await started(path, isolation, {}, { onChange: resolve });
    await writeFile(beside, 'export const word = "new";');
    await changed;
    await using third = await started(path, isolation);
    const answers = [first, second, third].map(async ({ plugin }) =>
      sqlIn(await call(plugin, "q")),
    );
    expect(await Promise.all(answers)).toEqual(["old", "old", "new"]);
  });

  test("tells how many calls are under way, so that a reload waits for them", async () => {
    const path = await moduleOf(`
      let go;
      return {
        onTrafficFromClient(event) {
          if (event.query === "wait") return new Promise((resolve) => (go = resolve));
          if (event.query === "go") go();
        },
      };`);
    await using inside = await started(path, isolation);
    const answer = call(inside.plugin, "wait");
    expect(inside.plugin.activity?.().callsUnderWay).toBe(1);
    await call(inside.plugin, "go");
    await answer;
    expect(inside.plugin.activity?.().callsUnderWay).toBe(0);
  });

  test("is not waited for in calls whose time is over", async () => {
    const path = await moduleOf("return { onTrafficFromClient: () => new Promise(() => {}) };");
    const { plugin } = await started(path, isolation, { timeout: 50 });
    const answer = call(plugin, "q").catch(() => {});
    expect(plugin.activity?.().callsUnderWay).toBe(1);
    await waitFor("the end of its time", () => plugin.activity?.().callsUnderWay === 0);
    const startedAt = performance.now();
    await plugin.stop();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    if (isolation === "worker") await answer;
  });

  test("fails at once when it has been stopped, and its timers with it", async () => {
    const path = await moduleOf(`
      context.every(1, () => context.logger.info("tick"));
      return { onTrafficFromClient() {} };`);
    const { plugin, records } = await started(path, isolation);
    await waitFor("a tick", () => records.length > 0);
    await plugin.stop();
    await plugin.stop();
    await expect(call(plugin, "q")).rejects.toMatchObject({
      code: "ERR_PLUGIN_ENDED",
    });
    await expect(plugin.ping(never())).rejects.toMatchObject({ code: "ERR_PLUGIN_ENDED" });
    const ticks = records.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(records.length).toBe(ticks);
  });

  test("is stopped although what it does at its end never ends", async () => {
    const path = await moduleOf(
      "context.onStop(() => new Promise(() => {})); return { onTrafficFromClient() {} };",
    );
    const { plugin } = await started(path, isolation);
    await plugin.stop();
    const failure: unknown = await call(plugin, "q").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "ERR_PLUGIN_ENDED" });
  });

  test.each([
    ["is missing", "/nowhere/p.ts", "there is no file /nowhere/p.ts"],
    ["has mistakes", "export default {", "cannot be loaded"],
    ["throws", 'throw new Error("at the top");', "at the top"],
    ["imports what is not there", 'import "./not-there";', "not-there"],
    ["exports no plugin", "export const a = 1;", "must export a plugin by default"],
  ])("does not start when its file %s", async (_, source, problem) => {
    let path = source;
    if (!path.startsWith("/")) {
      path = join(directory, `bad-${fileNumber++}.ts`);
      await writeFile(path, source);
    }
    await expect(hostOf(path, isolation).host.start(never())).rejects.toMatchObject({
      code: "ERR_PLUGIN_MODULE",
      message: expect.stringContaining(problem),
    });
  });

  test("does not start when its checksum is another one", async () => {
    const path = await moduleOf("return {};");
    const wrong = hostOf(path, isolation, { checksum: "0".repeat(64) }).host;
    await expect(wrong.start(never())).rejects.toThrow("the SHA-256 of");
    const source = await Bun.file(path).bytes();
    const checksum = new Bun.CryptoHasher("sha256").update(source).digest("hex").toUpperCase();
    await using inside = await started(path, isolation, { checksum });
    expect(inside.plugin.description.name).toBe("p");
  });

  test("does not start when its start is given up", async () => {
    const path = await moduleOf("return {};");
    const reason = new Error("given up");
    await expect(hostOf(path, isolation).host.start(AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
  });
});

test("an inline handler that holds up the gateway is reported, once for many calls", async () => {
  const path = await moduleOf(`
    return { onTrafficFromClient() { const end = performance.now() + 3; while (performance.now() < end); } };`);
  await using inside = await started(path, "inline", { timeout: 1 });
  for (let n = 0; n < 3; n++) await call(inside.plugin, "q");
  expect(inside.records).toMatchObject([
    { level: "error", fields: { hook: "OnTrafficFromClient", timeoutMs: 1 } },
  ]);
});

test("a worker that loops forever is killed, and what waits for it fails", async () => {
  const path = await moduleOf(`
    return { onTrafficFromClient(event) { if (event.query === "loop") for (;;); } };`);
  // The first call must have its answer in this time, however busy the machine is.
  const { plugin } = await started(path, "worker", {}, { chainTimeoutMs: 1_000 });
  expect(await call(plugin, "q")).toBeUndefined();
  const failures = await Promise.allSettled([call(plugin, "loop"), call(plugin, "q")]);
  expect(failures).toMatchObject([
    { status: "rejected", reason: { code: "ERR_HOOK_TIMEOUT" } },
    { status: "rejected" },
  ]);
  expect(await plugin.ended).toContain("killed: its handler of OnTrafficFromClient took longer");
  await expect(call(plugin, "q")).rejects.toMatchObject({ code: "ERR_PLUGIN_ENDED" });
  await plugin.stop();
});

test("a worker whose handler waits too long fails that call alone", async () => {
  const path = await moduleOf(`
    return { onTrafficFromClient(event) { if (event.query === "wait") return new Promise(() => {}); } };`);
  await using inside = await started(path, "worker", { timeout: 1_000 });
  await expect(call(inside.plugin, "wait")).rejects.toMatchObject({ code: "ERR_HOOK_TIMEOUT" });
  await inside.plugin.ping(never());
  expect(await call(inside.plugin, "q")).toBeUndefined();
});

test("a worker that is too slow is not shown all events that nobody waits for, and all others", async () => {
  const path = await moduleOf(`
    let seen = 0;
    return {
      onTrafficToClient() { seen++; return new Promise((resolve) => context.after(50, resolve)); },
      onTrafficFromClient: (event) => event.rewrite(String(seen)),
    };`);
  await using inside = await started(path, "worker");
  const show = inside.plugin.handler("OnTrafficToClient");
  const payload = {
    client: { local: "", remote: "" },
    server: { local: "", remote: "" },
    request: new Uint8Array(0),
    response: new Uint8Array(1024 * 1024),
    error: "",
  };
  const all = Array.from({ length: 40 }, () => show(payload, sessionOf("ann")));
  expect(sqlIn(await call(inside.plugin, "q"))).toBe("16");
  await Promise.all(all);
  await Promise.all(all.slice(0, 10).map(() => show(payload, sessionOf("ann"))));
  expect(sqlIn(await call(inside.plugin, "q"))).toBe("26");
  expect(inside.records).toMatchObject([
    { level: "warn", fields: { hook: "OnTrafficToClient", events: 1 } },
  ]);
});

test("an event that cannot be sent to a worker fails alone", async () => {
  const path = await moduleOf(`
    return { onTrafficFromClient: (event) => event.rewrite("seen"), onConfigLoaded() {} };`);
  await using inside = await started(path, "worker");
  const { plugin } = inside;
  const config = plugin.handler("OnConfigLoaded");
  // As another handler may have left it.
  const bad = config({ loggers: { default: () => {} } });
  const answers = Promise.allSettled([call(plugin, "a"), bad, call(plugin, "b")]);
  expect(await answers).toMatchObject([
    { status: "fulfilled" },
    {
      status: "rejected",
      reason: { code: "ERR_PLUGIN_CALL", message: expect.stringContaining("cannot be sent") },
    },
    { status: "fulfilled" },
  ]);
});

test("a worker with an error that nothing caught ends", async () => {
  const path = await moduleOf(`
    setTimeout(() => { throw new Error("stray"); }, 1);
    return { onTrafficFromClient() {} };`);
  const { plugin } = await started(path, "worker");
  expect(await plugin.ended).toContain("stray");
  await plugin.stop();
});

test("a worker that loops while it starts is given up with its start", async () => {
  const path = await moduleOf("for (;;);");
  const controller = new AbortController();
  const start = hostOf(path, "worker").host.start(controller.signal);
  setTimeout(() => controller.abort(new Error("too slow")), 50);
  await expect(start).rejects.toThrow("too slow");
});

test("an error that nothing caught is an inline module's, from its start until a while after its end", async () => {
  // Modules of other tests have been in their folder a moment ago.
  const folder = await mkdtemp(join(tmpdir(), "gatewayd-stray-"));
  const due: (() => void)[] = [];
  const later: Schedule = (_, callback) => {
    due.push(callback);
    return () => {};
  };
  const path = join(folder, "p.ts");
  await writeFile(
    path,
    `import { definePlugin } from "gatewayd/sdk";
     export default definePlugin({
       name: "p",
       version: "1.2.3",
       setup({ config }) {
         if (config.fails) throw new Error("at its start");
         return { onTrafficFromClient() { throw new Error("stray"); } };
       },
     });`,
  );
  const broken = hostOf(path, "inline", { config: { fails: true } }, { schedule: later });
  const failure: unknown = await broken.host.start(never()).catch((error: unknown) => error);
  const cause = failure instanceof Error ? failure.cause : undefined;
  expect(reportStrayError(cause)).toBe(true);
  expect(broken.records).toMatchObject([{ level: "error", fields: { error: cause } }]);
  due.splice(0).forEach((callback) => callback());
  expect(reportStrayError(cause)).toBe(false);

  const { plugin, records } = await started(path, "inline", {}, { schedule: later });
  const stray: unknown = await call(plugin, "q").catch((error: unknown) => error);
  await plugin.stop();
  expect(reportStrayError(stray)).toBe(true);
  expect(records).toMatchObject([{ level: "error", fields: { error: stray } }]);
  due.splice(0).forEach((callback) => callback());
  expect(reportStrayError(stray)).toBe(false);
  await rm(folder, { recursive: true });
});

test("an inline module whose start is given up leaves no timer behind", async () => {
  const path = await moduleOf(
    'context.every(1, () => context.logger.info("tick")); return new Promise(() => {});',
  );
  const { host, records } = hostOf(path, "inline");
  const controller = new AbortController();
  const start = host.start(controller.signal);
  await waitFor("a tick", () => records.length > 0);
  controller.abort(new Error("too slow"));
  await expect(start).rejects.toThrow("too slow");
  const ticks = records.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(records.length).toBe(ticks);
});

test.each(["inline", "worker"] as const)(
  "a module that runs %s is stopped when calls under way have their answers",
  async (isolation) => {
    const path = await moduleOf(`
      context.onStop(() => context.logger.info("closed"));
      return {
        onTrafficFromClient: (event) =>
          new Promise((resolve) => context.after(30, resolve)).then(() => event.rewrite("late")),
      };`);
    const { plugin, records } = await started(path, isolation);
    const answer = call(plugin, "q");
    const stopped = plugin.stop();
    await expect(call(plugin, "q")).rejects.toMatchObject({ code: "ERR_PLUGIN_ENDED" });
    expect(sqlIn(await answer)).toBe("late");
    await stopped;
    expect(records.at(-1)?.message).toBe("closed");
  },
);
