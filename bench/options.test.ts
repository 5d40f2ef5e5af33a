import { expect, test } from "bun:test";
import { type BenchOptions, parseOptions } from "./options.ts";

function optionsOf(...args: readonly string[]): BenchOptions {
  const request = parseOptions(args);
  if (request.kind !== "run") throw new Error(`a ${request.kind}, not a run`);
  return request.options;
}

test("a run without options is a full one", () => {
  const options = optionsOf();
  expect(options).toMatchObject({ rounds: 9, seconds: 5, clients: [1, 16, 100], isFull: true });
});

test("a run that leaves something out is not a full one", () => {
  const partial = ["--quick", "--rounds=3", "--only=load,copy", "--clients=1,16", "--copy-mib=64"];
  for (const flag of partial) expect(optionsOf(flag).isFull).toBe(false);
  expect(optionsOf("--rounds=11", "--clients=1,16,50,100").isFull).toBe(true);
});

test("each comparison has parts, clients and amounts of its own", () => {
  expect(optionsOf("modes")).toMatchObject({
    suite: "modes",
    clients: [16, 100, 1000],
    isFull: true,
  });
  for (const flag of ["--clients=16,100", "--scale=10", "--endpoints=direct,gatewayd", "--quick"]) {
    expect(optionsOf("modes", flag).isFull).toBe(false);
  }
  expect(optionsOf("hooks")).toMatchObject({
    suite: "hooks",
    parts: ["load", "calls"],
    clients: [1, 16],
    protocols: ["simple"],
    isFull: true,
  });
  for (const suite of ["tracing", "counting"]) {
    const whole = {
      suite,
      parts: ["load"],
      clients: [1, 16],
      rounds: 64,
      seconds: 1,
      isFull: true,
    };
    expect(optionsOf(suite)).toMatchObject(whole);
    expect(optionsOf(suite, "--rounds=9").isFull).toBe(false);
  }
  expect(() => parseOptions(["modes", "--only=stall"])).toThrow('--only: unknown "stall"');
  expect(() => parseOptions(["--only=writes"])).toThrow('--only: unknown "writes"');
  expect(() => parseOptions(["speed"])).toThrow('no comparison "speed"');
  expect(() => parseOptions(["modes", "passthrough"])).toThrow("one comparison at a time");
});

test("further endpoints have a name and a command", () => {
  const { also } = optionsOf("--also", "relay=bun relay.ts {serverPort} {port}", "--also", "b=c");
  expect(also).toEqual([
    { name: "relay", command: ["bun", "relay.ts", "{serverPort}", "{port}"] },
    { name: "b", command: ["c"] },
  ]);
  expect(() => parseOptions(["--also", "no command"])).toThrow("is not name=program");
});

test("what is no part, protocol or number is refused by name", () => {
  expect(() => parseOptions(["--only", "load,fun"])).toThrow('--only: unknown "fun"');
  expect(() => parseOptions(["--rounds", "0"])).toThrow("--rounds");
  expect(() => parseOptions(["--clients", "1,x"])).toThrow('"x" is not a whole number');
});
