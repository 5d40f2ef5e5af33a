import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-log-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** A process with a log file that does this with it. @returns the messages in the file, in order */
function messagesOf(script: string): readonly string[] {
  const fileName = join(directory, "gatewayd.log");
  const modules = ["create-loggers", "last-words"].map((name) =>
    JSON.stringify(join(import.meta.dir, `${name}.ts`)),
  );
  const config = JSON.stringify(join(import.meta.dir, "..", "config", "load-config.ts"));
  const file = JSON.stringify({ loggers: { default: { output: ["file"], fileName } } });
  const setUp = `import { createLoggers } from ${modules[0]};
    import { keepLastWords, sayLastWords } from ${modules[1]};
    import { readGlobal } from ${config};
    const read = readGlobal(${JSON.stringify(file)}, "gatewayd.yaml", { env: {} });
    const loggers = createLoggers(read.config.value.loggers);
    const lastWords = keepLastWords(loggers);
    const log = (count) => {
      for (let index = 0; index < count; index += 1) loggers.main.info("line");
    };`;
  Bun.spawnSync([process.execPath, "-e", setUp + script]);
  const lines = readFileSync(fileName, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}

const lines = (count: number) => Array.from({ length: count }, () => "line");

test("an end in the middle of things leaves every record in the file", () => {
  expect(messagesOf("log(10_000); process.exit(3);")).toEqual(lines(10_000));
});

test("so does one while records are being written", () => {
  const script = "log(10_000); setTimeout(() => { log(10_000); process.exit(3); }, 7);";
  expect(messagesOf(script)).toEqual(lines(20_000));
});

test("a crash says so at the end of the file", () => {
  const script = `process.on("uncaughtException", async (error) => {
      await sayLastWords(error);
      process.exit(1);
    });
    log(100);
    throw new Error("out of luck");`;
  expect(messagesOf(script)).toEqual([...lines(100), "GatewayD has crashed"]);
  const text = readFileSync(join(directory, "gatewayd.log"), "utf8");
  expect(text).toContain('"level":"fatal"');
  expect(text).toContain('"error":"out of luck","stack":"Error: out of luck');
});
