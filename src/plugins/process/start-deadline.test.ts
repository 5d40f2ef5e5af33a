import { expect, test } from "bun:test";
import { StartDeadline } from "./start-deadline.ts";

test.each([0, 2 ** 31, 1e15])("a start may take %d ms", async (timeoutMs) => {
  const deadline = new StartDeadline(new AbortController().signal, timeoutMs);
  expect(await deadline.orAborted(Bun.sleep(20).then(() => "started"))).toBe("started");
  deadline.dispose();
});
