import { expect, test } from "bun:test";
import type { LoadedConfig } from "../config/index.ts";
import { readGlobal, readPlugins } from "../config/load-config.ts";
import { planReload } from "./reload-plan.ts";

function loaded(text: object): LoadedConfig {
  const global = readGlobal(JSON.stringify(text), "gatewayd.yaml", { env: {} });
  const plugins = readPlugins("", "", { env: {} });
  if (!global.ok || !plugins.ok) throw new Error(JSON.stringify([global, plugins]));
  const { value } = global.config;
  const pluginsPath = undefined;
  return {
    ...global.config,
    global: value,
    globalPath: "gatewayd.yaml",
    plugins: plugins.config.value,
    pluginsPath,
  };
}

const block = (address: string) => ({ address });
const BEFORE = loaded({
  clients: {
    default: { reads: block("127.0.0.1:1"), writes: block("127.0.0.1:2") },
    old: { writes: block("127.0.0.1:3") },
    same: { writes: block("127.0.0.1:4") },
  },
  servers: {
    default: { address: "127.0.0.1:15432" },
    old: { address: "127.0.0.1:15433" },
    same: { address: "127.0.0.1:15434" },
  },
});
const READ = loaded({
  clients: {
    default: { writes: block("127.0.0.1:22"), archive: block("127.0.0.1:5") },
    same: { writes: block("127.0.0.1:4") },
    young: { writes: block("127.0.0.1:6") },
  },
  servers: {
    default: { address: "127.0.0.1:25432", queryTimeout: "1s" },
    same: { address: "127.0.0.1:15434" },
    young: { address: "127.0.0.1:15435" },
  },
});

test("a plan names the groups and blocks that come, go and change", () => {
  const plan = planReload(BEFORE, READ);
  expect(plan.groups).toEqual({ added: ["young"], removed: ["old"], changed: ["default"] });
  expect(Object.fromEntries(plan.blocks)).toEqual({
    default: { added: ["archive"], removed: ["reads"], changed: ["writes"] },
    same: { added: [], removed: [], changed: [] },
  });
});

test("a plan keeps what needs a restart as it is, and names it", () => {
  const plan = planReload(BEFORE, READ);
  expect(plan.needsRestart).toEqual(["servers.default.address"]);
  expect(plan.after.global.servers["default"]).toMatchObject({
    address: ["127.0.0.1:15432"],
    queryTimeout: 1_000,
  });
  expect(plan.changes.map(({ path }) => path)).not.toContain("servers.default.address");
});

test("a plan knows what a path has to do with its changes, above and below them", () => {
  const { touches } = planReload(BEFORE, READ);
  expect(
    ["servers.default", "servers.default.queryTimeout", "servers", "clients.young.writes"].map(
      touches,
    ),
  ).toEqual([true, true, true, true]);
  expect(["servers.same", "servers.default.routes", "server", "api"].map(touches)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
