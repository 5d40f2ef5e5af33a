import { expect, test } from "bun:test";
import { readActionMessage, writeActionMessage } from "./action-message.ts";

const OUTPUT = {
  matchedPolicy: "log",
  metadata: { log: true, level: "info", message: "seen", list: [1, "x"], big: 2n },
  verdict: true,
  terminal: false,
  sync: false,
};

test("an action is published as the original publishes it, and read back", () => {
  const result = {
    request: Buffer.from("Q"),
    client: { remote: "127.0.0.1:1" },
    __outputs__: [OUTPUT],
  };
  const text = writeActionMessage(OUTPUT, result);
  const output = { ...OUTPUT, metadata: { ...OUTPUT.metadata, big: 2 } };
  expect(JSON.parse(text)).toEqual({
    Output: output,
    Params: [
      { Key: "__logger__", Value: {} },
      {
        Key: "__result__",
        Value: { request: "UQ==", client: { remote: "127.0.0.1:1" }, __outputs__: [output] },
      },
    ],
  });
  expect(readActionMessage(text)).toEqual(output);
});

test("metadata may be missing", () => {
  expect(
    readActionMessage('{"Output":{"matchedPolicy":"log","metadata":null,"verdict":1}}'),
  ).toEqual({
    matchedPolicy: "log",
    metadata: {},
    verdict: 1,
    terminal: false,
    sync: false,
  });
});

test.each([
  "",
  "x",
  "1",
  "[]",
  "{}",
  '{"Output":1}',
  '{"Output":{"matchedPolicy":1}}',
  '{"Output":{"matchedPolicy":"log","metadata":[]}}',
])("%p is no action", (text) => {
  expect(readActionMessage(text)).toBeUndefined();
});
