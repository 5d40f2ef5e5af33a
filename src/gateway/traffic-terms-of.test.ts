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
      bufferBytes: 2 * 1024 ** 2,
      flushIntervalMs: 20,
    },
    {
      framing: "statement",
      redactsSecrets: false,
      maxMessageBytes,
      bufferBytes: 1024,
      flushIntervalMs: 0,
    },
  ]);
});
