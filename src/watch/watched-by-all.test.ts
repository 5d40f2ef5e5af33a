import { expect, test } from "bun:test";
import { RecordingWatch } from "../../tests/fixtures/recording-watch.ts";
import { watchedByAll } from "./watched-by-all.ts";
import type { WatchedUnit } from "./watched-unit.ts";

const SESSION = {
  id: "1",
  user: undefined,
  database: undefined,
  applicationName: undefined,
  block: undefined,
};

/** Only what it is told by. */
const UNIT = { text: "select 1" } as Partial<WatchedUnit> as WatchedUnit;

test("nobody is nobody", () => {
  expect(watchedByAll([])).toBeUndefined();
  expect(watchedByAll([undefined])).toBeUndefined();
});

test("who has no method for something does not hear of it", () => {
  const took: number[] = [];
  const all = watchedByAll([{ block: () => ({ unitEnded: (_unit, ms) => took.push(ms) }) }]);
  all?.opened(SESSION, { remoteAddress: "" });
  all?.refused(SESSION, "ERR_CANCELED");
  all?.ended(SESSION, "ERR_CANCELED");
  all?.terminated(SESSION);
  all?.closed(SESSION, 1);
  const block = all?.block("writes");
  block?.loggedIn(SESSION, 1);
  block?.waited(SESSION, 0, undefined);
  block?.failed(SESSION, "42P01");
  block?.cancelSent();
  block?.pinned(SESSION, "LISTEN");
  expect(block?.unitBegan(UNIT)).toBe(false);
  block?.unitEnded(UNIT, 5);
  expect(took).toEqual([5]);
  expect([block?.clientMeter, block?.serverMeter]).toEqual([undefined, undefined]);
});

test("several hear the same", () => {
  const first = new RecordingWatch();
  const second = new RecordingWatch();
  const all = watchedByAll([first, second]);
  all?.opened(SESSION, { remoteAddress: "" });
  const block = all?.block("writes");
  expect(all?.block("writes")).toBe(block);
  block?.loggedIn(SESSION, 1);
  block?.waited(SESSION, 0, undefined);
  block?.failed(SESSION, "42P01");
  block?.cancelSent();
  block?.pinned(SESSION, "LISTEN");
  all?.refused(SESSION, "ERR_CANCELED");
  all?.ended(SESSION, "ERR_CANCELED");
  all?.terminated(SESSION);
  all?.closed(SESSION, 1);
  expect(first.events).toEqual([
    "opened",
    "logged in",
    "at once",
    "failed 42P01",
    "cancel",
    "pinned LISTEN",
    "refused ERR_CANCELED",
    "ended ERR_CANCELED",
    "terminated",
    "closed",
  ]);
  expect(second.events).toEqual(first.events);
});

test("what one of them asks for is done, and counted once", () => {
  const first = new RecordingWatch();
  const second = new RecordingWatch();
  const block = watchedByAll([first, second])?.block("writes");
  expect(block?.unitBegan(UNIT)).toBe(true);
  first.isLooking = false;
  expect(block?.unitBegan(UNIT)).toBe(true);
  second.isLooking = false;
  expect(block?.unitBegan(UNIT)).toBe(false);
  expect(second.events).toEqual(["began select 1", "began select 1", "began select 1"]);
  expect(block?.clientMeter).toBe(first.clientMeter);
  expect(block?.serverMeter).toBe(first.serverMeter);
});
