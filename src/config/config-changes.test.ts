import { describe, expect, test } from "bun:test";
import { configChanges, withoutChanges } from "./config-changes.ts";
import type { LoadedConfig } from "./loaded-config.ts";
import { readGlobal, readPlugins } from "./load-config.ts";
import { globalSchema, keySpec, pluginsSchema } from "./schema/index.ts";
import type { KeySpec, ReloadEffect } from "./schema/index.ts";

function loaded(globalText: object, pluginsText: object = {}): LoadedConfig {
  const global = readGlobal(JSON.stringify(globalText), "gatewayd.yaml", { env: {} });
  const plugins = readPlugins(JSON.stringify(pluginsText), "gatewayd_plugins.yaml", {
    env: {},
    dev: true,
  });
  if (!global.ok || !plugins.ok) throw new Error(JSON.stringify([global, plugins]));
  return {
    ...global.config,
    global: global.config.value,
    globalPath: "gatewayd.yaml",
    plugins: plugins.config.value,
    pluginsPath: "gatewayd_plugins.yaml",
    origins: new Map([...global.config.origins, ...plugins.config.origins]),
  };
}

const BASE = {
  clients: { default: { writes: { address: "127.0.0.1:5432" } } },
  servers: { default: { address: "127.0.0.1:15432" } },
};

function changesTo(globalText: object): string[] {
  const changes = configChanges(loaded(BASE), loaded(globalText));
  return changes.map(({ path, kind, effect }) => `${path} ${kind} ${effect}`);
}

describe("the changes between two configurations", () => {
  test("are none between two that say the same in other words", () => {
    const pools = { default: { writes: { size: "10" } } };
    expect(changesTo({ ...BASE, pools })).toEqual([]);
  });

  test("are told key by key, each with what becomes of it", () => {
    const servers = { default: { address: "127.0.0.1:15433", idleTimeout: "5s" } };
    const pools = { default: { writes: { size: 3, mode: "passthrough" } } };
    expect(changesTo({ ...BASE, servers, pools })).toEqual([
      "pools.default.writes.size changed live",
      "servers.default.address changed restart",
      "servers.default.idleTimeout changed live",
    ]);
  });

  test("tell of a group that is new or gone as a whole, which needs no restart", () => {
    const address = "127.0.0.1:5432";
    const clients = { default: { writes: { address } }, tenant: { writes: { address } } };
    const servers = { ...BASE.servers, tenant: { address: "127.0.0.1:15433" } };
    const [before, after] = [loaded(BASE), loaded({ clients, servers })];
    expect(
      configChanges(before, after).map(({ path, kind, effect }) => [path, kind, effect]),
    ).toEqual([
      ["loggers.tenant", "added", "live"],
      ["clients.tenant", "added", "live"],
      ["pools.tenant", "added", "live"],
      ["proxies.tenant", "added", "live"],
      ["servers.tenant", "added", "live"],
    ]);
    expect(configChanges(after, before).every(({ kind }) => kind === "removed")).toBe(true);
  });

  test("tell of lists without names as a whole", () => {
    const routes = [{ database: "shop", blocks: "writes" }];
    const text = (database: string) => ({
      ...BASE,
      pools: { default: { writes: { mode: "transaction" } } },
      servers: { default: { routes: [{ ...routes[0], database }], auth: { method: "trust" } } },
    });
    const changes = configChanges(loaded(text("shop")), loaded(text("stock")));
    expect(changes.map(({ path }) => path)).toEqual(["servers.default.routes"]);
  });
});

describe("a configuration that keeps what needs a restart", () => {
  test("has the old value there, with its origin, and everything else as it was read", () => {
    const servers = { default: { address: "127.0.0.1:15433", idleTimeout: "5s" } };
    const [before, read] = [loaded(BASE), loaded({ ...BASE, servers })];
    const waiting = configChanges(before, read).filter(({ effect }) => effect === "restart");
    const after = withoutChanges(before, read, waiting);
    const server = after.global.servers["default"];
    expect([server?.address, server?.idleTimeout]).toEqual([["127.0.0.1:15432"], 5_000]);
    expect(after.origins.get("servers.default.address")).toEqual(
      before.origins.get("servers.default.address"),
    );
    expect(read.global.servers["default"]?.address).toEqual(["127.0.0.1:15433"]);
    expect(configChanges(before, after).map(({ path }) => path)).toEqual([
      "servers.default.idleTimeout",
    ]);
  });
});

describe("every key of the files", () => {
  /** Keys for which neither they nor anything above them says what a reload makes of a change. */
  function silent(spec: KeySpec, path: string, above: ReloadEffect | undefined): string[] {
    const effect = spec.info.reload ?? above;
    switch (spec.kind) {
      case "object":
        return [...spec.keys].flatMap(([key, below]) => silent(below, `${path}.${key}`, effect));
      case "named":
        return silent(spec.value, `${path}.*`, effect);
      default:
        return effect === undefined ? [path] : [];
    }
  }

  test("says what a reload makes of a changed value", () => {
    expect(silent(keySpec(globalSchema), "gatewayd.yaml", undefined)).toEqual([]);
    expect(silent(keySpec(pluginsSchema), "gatewayd_plugins.yaml", undefined)).toEqual([]);
  });
});
