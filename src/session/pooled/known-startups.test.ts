import { expect, test } from "bun:test";
import { FrontendWriter } from "../../postgres/index.ts";
import { KnownStartups } from "./known-startups.ts";

const PROTOCOL_3_0 = 0x0003_0000;

function startup(user: string, database = "shop", version = PROTOCOL_3_0): Uint8Array {
  return new FrontendWriter().startupMessage(Object.entries({ user, database }), version).take();
}

test("reads a startup that is known once", () => {
  const startups = new KnownStartups();
  const first = startups.read(startup("alice"));
  expect(first).toMatchObject({ user: "alice", database: "shop", minorVersion: 0 });
  expect(startups.read(startup("alice"))).toBe(first);
});

test("tells startups apart by all of their bytes", () => {
  const startups = new KnownStartups();
  startups.read(startup("alice"));
  expect(startups.read(startup("alicia")).user).toBe("alicia");
  expect(startups.read(startup("alice", "shop2")).database).toBe("shop2");
  expect(startups.read(startup("alice", "shop", PROTOCOL_3_0 + 2)).minorVersion).toBe(2);
  expect(startups.read(startup("älice")).user).toBe("älice");
});

test("refuses one that cannot be used each time", () => {
  const startups = new KnownStartups();
  for (let attempt = 1; attempt <= 2; attempt++) {
    expect(() => startups.read(startup(""))).toThrow("no user name");
  }
});

test("keeps no long ones, and forgets what were too many", () => {
  const startups = new KnownStartups();
  const long = startup("alice", "x".repeat(2_000));
  expect(startups.read(long)).not.toBe(startups.read(long));
  const first = startups.read(startup("0"));
  for (let number = 1; number <= 1_000; number++) startups.read(startup(`${number}`));
  const again = startups.read(startup("0"));
  expect(again).toEqual(first);
  expect(again).not.toBe(first);
});
