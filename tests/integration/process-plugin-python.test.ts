import { beforeAll, describe, expect } from "bun:test";
import {
  type BuiltPlugin,
  PYTHON_ENVIRONMENT,
  pythonRecorder,
  testPython,
} from "../fixtures/plugins/built-plugins.ts";
import { failureOf, startPlugin } from "../fixtures/plugins/start-plugin.ts";
import { waitFor } from "../kit/index.ts";

let recorder: BuiltPlugin | undefined;

beforeAll(async () => {
  recorder = await pythonRecorder();
}, 300_000);

describe("a Python plugin", () => {
  testPython("shakes hands, and answers with values of every kind", async () => {
    await using started = await startPlugin({ ...recorder, env: [PYTHON_ENVIRONMENT] });
    const { plugin } = started;
    expect(plugin.description).toMatchObject({ name: "recorder-py", version: "0.1.0" });
    expect(plugin.description.hooks).toHaveLength(22);
    await plugin.ping(new AbortController().signal);
    const payload = {
      none: null,
      yes: true,
      no: false,
      number: 1.5,
      text: "grüße",
      bytes: Buffer.from([0, 255, 1]),
      list: [1, "two", [3], {}],
      object: { nested: { deep: [] } },
    };
    expect(await plugin.handler("OnTick")(payload)).toEqual(payload);
  });

  testPython("logs at its own levels, and its failures are told", async () => {
    await using started = await startPlugin({ ...recorder, env: [PYTHON_ENVIRONMENT] });
    const { plugin, logger } = started;
    await plugin.handler("OnTick")({ do: "log" });
    await waitFor("the line", () => logger.count("a line without JSON") === 1);
    expect(logger.records.find(({ message }) => message === "asked to log")).toMatchObject({
      level: "warn",
      fields: { number: 7, module: "root" },
    });
    const failure = await failureOf(plugin.handler("OnTick")({ do: "fail" }));
    expect(failure.code).toBe("ERR_PLUGIN_CALL");
    expect(failure.message).toContain("asked to fail");
  });

  testPython("answers several calls at once", async () => {
    await using started = await startPlugin({ ...recorder, env: [PYTHON_ENVIRONMENT] });
    const calls = Array.from({ length: 32 }, (_, number) =>
      Promise.resolve(started.plugin.handler("OnTick")({ do: "slow", number })),
    );
    const answers = await Promise.all(calls);
    expect(answers).toEqual(answers.map((_, number) => ({ do: "slow", number })));
  });

  testPython("ends when it is asked to, and its crash is noticed", async () => {
    const stopped = await startPlugin({ ...recorder, env: [PYTHON_ENVIRONMENT] });
    const before = performance.now();
    await stopped.plugin.stop();
    expect(performance.now() - before).toBeLessThan(1900);
    await using crashing = await startPlugin({ ...recorder, env: [PYTHON_ENVIRONMENT] });
    await failureOf(crashing.plugin.handler("OnTick")({ do: "crash" }));
    expect(await crashing.plugin.ended).toBe("exit code 3");
  });
});
