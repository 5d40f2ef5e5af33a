/** The lines of a start against those of GatewayD; docs/compatibility.md lists what differs. */
import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { servedPlugin } from "../fixtures/plugins/served-plugin.ts";
import { oneBlockConfig, startGatewayd, startPostgres } from "../kit/index.ts";

const ROOT = join(import.meta.dir, "..", "..");

/** A plugin process that says of its metrics what the one in the transcript does. */
const PLUGIN = `import { definePlugin } from "gatewayd/sdk";
  export default definePlugin({
    name: "gatewayd-plugin-cache",
    version: "1.0.0",
    description: "Says what the cache plugin says.",
    requires: [],
    setup({ logger }) {
      logger.info("Starting metrics server via HTTP over Unix domain socket", {
        endpoint: "/metrics",
        unixDomainSocket: "/tmp/gatewayd-plugin-cache.sock",
      });
      return { onTrafficFromClient() {} };
    },
  });`;

interface Line {
  readonly level: string;
  readonly message: string;
  readonly keys: readonly string[];
}

/** `time LVL message key=value ...`; the transcript has times with a blank in them. */
function readLine(text: string): Line | undefined {
  const match = /^\S+(?: \d\S+)? ([A-Z]{3}) (.+?)((?: \w+=.*)?)$/.exec(text);
  const [, level = "", message = "", rest = ""] = match ?? [];
  const keys = Array.from(rest.matchAll(/ (\w+)=/g), ([, key = ""]) => key);
  return match === null ? undefined : { level, message, keys };
}

async function linesOf(file: string): Promise<readonly Line[]> {
  const text = await Bun.file(join(ROOT, file)).text();
  return text.split("\n").flatMap((line) => readLine(line) ?? []);
}

/** Messages in the table of the section. */
async function listedDifferences(): Promise<readonly string[]> {
  const page = await Bun.file(join(ROOT, "docs/compatibility.md")).text();
  const section = page.split("## Lines of the log")[1]?.split("\n## ")[0] ?? "";
  return Array.from(section.matchAll(/^\| `(.+?)`/gm), ([, message = ""]) => message);
}

test("a start with one plugin has the original's lines, but for those that are listed", async () => {
  await using postgres = await startPostgres();
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-lines-"));
  const file = join(directory, "cache.ts");
  await writeFile(file, PLUGIN);
  const plugin = {
    name: "gatewayd-plugin-cache",
    ...(await servedPlugin(file)),
  };
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address, { pool: { size: 10 } }),
    plugins: JSON.stringify({ plugins: [plugin] }),
  });
  await gateway.process.waitForLine("GatewayD is running");
  await gateway.stop();
  await rm(directory, { recursive: true });

  const lines = gateway.process.lines().flatMap(({ text }) => readLine(text) ?? []);
  const original = await linesOf("tests/fixtures/gatewayd-0.5.0-boot.txt");
  expect(original).toHaveLength(12);
  const differs = original.filter(
    (wanted) =>
      !lines.some(
        ({ level, message, keys }) =>
          level === wanted.level &&
          message === wanted.message &&
          wanted.keys.every((key) => keys.includes(key)),
      ),
  );
  const listed = await listedDifferences();
  expect(differs.map(({ message }) => message).filter((each) => !listed.includes(each))).toEqual(
    [],
  );
  expect(listed.filter((each) => !original.some(({ message }) => message === each))).toEqual([]);

  // In the original's order, too.
  const kept = original.filter((line) => !differs.includes(line)).map(({ message }) => message);
  const seen = lines.map(({ message }) => message).filter((message) => kept.includes(message));
  expect(seen).toEqual(kept);
});
