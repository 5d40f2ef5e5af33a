import { expect, test } from "bun:test";
import { readGlobal } from "../config/load-config.ts";
import type { GlobalConfig } from "../config/index.ts";
import { createLoggers } from "./create-loggers.ts";

function settings(loggers: object): GlobalConfig["loggers"] {
  const result = readGlobal(JSON.stringify({ loggers }), "gatewayd.yaml", { env: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  return result.config.value.loggers;
}

test("loggers that were handed out follow new settings, children too", () => {
  const loggers = createLoggers(settings({ default: { level: "error" } }));
  const { main } = loggers;
  const child = main.child({ name: "writes" });
  expect(child.isEnabled("warn")).toBe(false);
  loggers.reconfigure(settings({ default: { level: "debug" }, second: { level: "warn" } }));
  expect([main.isEnabled("debug"), child.isEnabled("debug")]).toEqual([true, true]);
  expect(loggers.of("second").isEnabled("info")).toBe(false);
  expect(loggers.of("second").isEnabled("warn")).toBe(true);
  expect(loggers.of("third").isEnabled("fatal")).toBe(false);
});
