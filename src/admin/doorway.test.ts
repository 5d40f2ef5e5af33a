import { expect, test } from "bun:test";
import type { DoorTls } from "./door-tls.ts";
import { Doorway } from "./doorway.ts";
import type { Door } from "./doorway.ts";

const TLS: DoorTls = { cert: "cert", key: "key", clientCa: undefined };

/** Doors at names instead of addresses; one that is `taken` cannot be had. */
function setUp() {
  const trail: string[] = [];
  const calls = { underWay: Promise.resolve() };
  const newDoor = (tls: DoorTls | undefined): Door<string> => {
    let name = "";
    return {
      open(place) {
        if (place === "taken") throw Object.assign(new Error("Failed"), { code: "EADDRINUSE" });
        name = `${place}${tls === undefined ? "" : ` with ${tls.cert}`}`;
        trail.push(`open ${name}`);
        return place;
      },
      close() {
        trail.push(`close ${name}`);
        return calls.underWay;
      },
    };
  };
  const opened: string[] = [];
  const doorway = new Doorway({
    newDoor,
    addressOf: (place) => `place ${place}`,
    onOpen: (address) => opened.push(address),
  });
  const at = (place: string, tls?: DoorTls) => ({ place, reusePort: false, tls });
  return { doorway, trail, opened, calls, at };
}

test("on the same terms the door stays as it is", async () => {
  const { doorway, trail, at } = setUp();
  await doorway.open(at("a", TLS));
  await (await doorway.prepare(at("a", { ...TLS }))).apply();
  expect(trail).toEqual(["open a with cert"]);
  await doorway.close();
});

test("at another place the next one is open before the one that there is is closed", async () => {
  const { doorway, trail, opened, at } = setUp();
  await doorway.open(at("a"));
  const prepared = await doorway.prepare(at("b"));
  expect([trail, opened]).toEqual([["open a", "open b"], ["a"]]);
  await prepared.apply();
  expect([trail, opened]).toEqual([
    ["open a", "open b", "close a"],
    ["a", "b"],
  ]);
  await doorway.close();
  expect(trail.at(-1)).toBe("close b");
});

test("at another place that cannot be had, or that is not wanted in the end, the door stays", async () => {
  const { doorway, trail, at } = setUp();
  await doorway.open(at("a"));
  await expect(doorway.prepare(at("taken"))).rejects.toMatchObject({
    code: "ERR_LISTEN_FAILED",
    message: "the admin API cannot listen on place taken: address already in use (EADDRINUSE)",
  });
  await (await doorway.prepare(at("b"))).discard();
  expect(trail).toEqual(["open a", "open b", "close b"]);
  await doorway.close();
});

test("with another certificate it gives way to one at the same place", async () => {
  const { doorway, trail, at } = setUp();
  await doorway.open(at("a", TLS));
  const prepared = await doorway.prepare(at("a", { ...TLS, cert: "other" }));
  expect(trail).toEqual(["open a with cert"]);
  await prepared.apply();
  expect(trail).toEqual(["open a with cert", "close a with cert", "open a with other"]);
  await doorway.close();
});

test("nobody waits for calls of a door that gives way, until the end", async () => {
  const { doorway, trail, calls, at } = setUp();
  const call = Promise.withResolvers<void>();
  calls.underWay = call.promise;
  await doorway.open(at("a"));
  await (await doorway.prepare(at("a", TLS))).apply();
  expect(trail.at(-1)).toBe("open a with cert");
  let isClosed = false;
  const closing = doorway.close().then(() => (isClosed = true));
  await Promise.resolve();
  expect(isClosed).toBe(false);
  call.resolve();
  await closing;
});
