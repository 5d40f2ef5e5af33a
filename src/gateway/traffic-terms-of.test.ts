import { expect, test } from "bun:test";
import { readPlugins } from "../config/load-config.ts";
import { trafficTermsOf } from "./traffic-terms-of.ts";

test("a plugin has its own terms, and else those of all", () => {
  const text = `
hookBufferBytes: 2MiB
hookFlushInterval: 20ms
maxHookMessageBytes: 3MiB
redactSecrets: true
plugins:
  - {name: plain, localPath: a.ts}
  - {name: own, localPath: b.ts, framing: statement, hookBufferBytes: 1KiB, hookFlushInterval: 0s, redactSecrets: false}
`;
  const result = readPlugins(text, "gatewayd_plugins.yaml", { env: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  const { value } = result.config;
  const terms = value.plugins.map((plugin) => trafficTermsOf(plugin, value));
  const maxMessageBytes = 3 * 1024 ** 2;
  expect(terms).toEqual([
    {
      framing: "unit",
      redactsSecrets: true,
      maxMessageBytes,
      batchBytes: maxMessageBytes / 2,
      bufferBytes: maxMessageBytes / 2,
      flushIntervalMs: 20,
    },
    {
      framing: "statement",
      redactsSecrets: false,
      maxMessageBytes,
      batchBytes: maxMessageBytes - 1024,
      bufferBytes: 1024,
      flushIntervalMs: 0,
    },
  ]);
});

test("what an executable may be sent limits what is gathered for it", () => {
  const text = `
plugins:
  - {name: executable, localPath: a, checksum: "${"0".repeat(64)}", maxHookMessageBytes: 4KiB}
  - {name: module, localPath: a.ts, maxHookMessageBytes: 4KiB}
`;
  const result = readPlugins(text, "gatewayd_plugins.yaml", { env: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  const { value } = result.config;
  const terms = value.plugins.map((plugin) => trafficTermsOf(plugin, value));
  expect(terms).toMatchObject([
    { maxMessageBytes: 4096, batchBytes: 2048, bufferBytes: 2048 },
    { maxMessageBytes: 64 * 1024 ** 2, bufferBytes: 1024 ** 2 },
  ]);
});
