import { expect, test } from "bun:test";
import { FrontendWriter, readyForQuery } from "../../postgres/index.ts";
import { SessionTracker } from "./session-tracker.ts";

const at = (remote: string, bytes: Readonly<Record<string, unknown>> = {}) => ({
  client: { local: "127.0.0.1:15432", remote },
  ...bytes,
});

const startup = (user: string): Uint8Array =>
  new FrontendWriter()
    .startupMessage(
      [
        ["user", user],
        ["application_name", "psql"],
      ],
      0x30000,
    )
    .take();

test("a session is known by what goes by", () => {
  const tracker = new SessionTracker();
  const ann = tracker.sessionOf("OnTrafficFromClient", at("a", { request: startup("ann") }));
  const bob = tracker.sessionOf("OnTrafficFromClient", at("b", { request: startup("bob") }));
  expect(ann).toMatchObject({ user: "ann", database: "ann", applicationName: "psql" });
  expect(ann?.id).not.toBe(bob?.id);
  tracker.sessionOf("OnTrafficFromServer", at("a", { response: readyForQuery(0x54) }));
  expect([ann?.transactionStatus, bob?.transactionStatus]).toEqual(["inTransaction", undefined]);
  // What is no end of an answer, or no StartupMessage, says nothing.
  tracker.sessionOf("OnTrafficFromServer", at("a", { response: Buffer.from("Zxxxxx") }));
  tracker.sessionOf("OnTrafficFromClient", at("a", { request: new Uint8Array([0, 0, 0, 9, 1]) }));
  expect(tracker.sessionOf("OnTraffic", at("a"))).toBe(ann);
  expect(ann).toMatchObject({ user: "ann", transactionStatus: "inTransaction" });
});

test("a session ends with its connection, and the next one there is another", () => {
  const tracker = new SessionTracker();
  const first = tracker.sessionOf("OnOpening", at("a"));
  expect(tracker.sessionOf("OnClosed", at("a"))).toBe(first);
  expect(tracker.sessionOf("OnTraffic", at("a"))).not.toBe(first);
  // The end of a connection may never be told.
  const again = tracker.sessionOf("OnTraffic", at("a"));
  expect(tracker.sessionOf("OnOpening", at("a"))).not.toBe(again);
  expect(tracker.sessionOf("OnTick", { connections: 1 })).toBeUndefined();
});

test("sessions of clients without an address are told apart by their names, or not at all", () => {
  const tracker = new SessionTracker();
  const ann = tracker.sessionOf("OnTrafficFromClient", at("", { request: startup("ann") }), "1");
  tracker.sessionOf("OnTrafficFromClient", at("", { request: startup("bob") }), "2");
  expect(tracker.sessionOf("OnTraffic", at(""), "1")).toBe(ann);
  expect(ann).toMatchObject({ user: "ann" });
  tracker.sessionOf("OnClosed", at(""), "1");
  expect(tracker.sessionOf("OnTraffic", at(""), "1")).not.toBe(ann);
  // Of a host that has no names for them.
  const nobody = tracker.sessionOf("OnTrafficFromClient", at("", { request: startup("eve") }));
  const other = tracker.sessionOf("OnTraffic", at(""));
  expect(nobody).toMatchObject({ user: "eve" });
  expect(other).not.toBe(nobody);
  expect(other).toMatchObject({ user: undefined });
});
