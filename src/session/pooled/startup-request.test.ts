import { describe, expect, test } from "bun:test";
import { FrontendWriter } from "../../postgres/index.ts";
import { readPooledStartup } from "./startup-request.ts";

const PROTOCOL_3_0 = 0x0003_0000;

function read(parameters: Readonly<Record<string, string>>, version = PROTOCOL_3_0) {
  const message = new FrontendWriter().startupMessage(Object.entries(parameters), version).take();
  return readPooledStartup(message);
}

describe("the startup of a pooled session", () => {
  test("names user and database, the user's by default", () => {
    expect(read({ user: "a", database: "b" })).toMatchObject({ user: "a", database: "b" });
    expect(read({ user: "a" })).toMatchObject({ user: "a", database: "a" });
  });

  test("sets what it names, over what its options set", () => {
    const { settings } = read({
      user: "a",
      application_name: "app",
      options: "-c datestyle=german --work-mem=1MB -c application_name=other",
      DateStyle: "ISO",
    });
    expect(Object.fromEntries(settings)).toEqual({
      application_name: "app",
      datestyle: "ISO",
      work_mem: "1MB",
    });
  });

  test("may ask for more than protocol 3.0 has", () => {
    const startup = read({ user: "a", "_pq_.feature": "1" }, PROTOCOL_3_0 + 2);
    expect(startup).toMatchObject({ minorVersion: 2, unrecognizedOptions: ["_pq_.feature"] });
    expect(startup.settings).toEqual([]);
  });

  test("without a user is refused", () => {
    expect(() => read({ database: "b" })).toThrow("no user name");
  });

  test.each([
    ["database", { value: "database", isPhysical: false }],
    ["true", { value: "true", isPhysical: true }],
    ["ON", { value: "ON", isPhysical: true }],
    ["something", { value: "something", isPhysical: true }],
    ["off", undefined],
    ["F", undefined],
    ["0", undefined],
  ])("may ask for replication: %s", (replication, asked) => {
    expect(read({ user: "a", replication }).replication).toEqual(asked);
    expect(read({ user: "a", replication }).settings).toEqual([]);
  });
});
