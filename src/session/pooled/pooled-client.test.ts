import { describe, expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import { bytesIn } from "../../../tests/fixtures/handlers.ts";
import { MultiplexedKit } from "../../../tests/fixtures/multiplexed.ts";
import type { MultiplexedClient } from "../../../tests/fixtures/multiplexed.ts";
import { told } from "../../../tests/fixtures/session.ts";
import { backend, frontend, message } from "../../../tests/fixtures/wire/index.ts";
import { Settings } from "../../postgres/index.ts";
import type { SessionLimits } from "../session-context.ts";

const COMPLETE = message("C", "OK");
const READY = backend.ready();
const UPDATE = frontend.query("update a set b = 1");
const SHARED = frontend.query("select 1");
/** Longer than a client that has nothing to do stays awake. */
const A_WHILE_MS = 5_000;

async function kitOf(limits: Partial<SessionLimits> = {}): Promise<MultiplexedKit> {
  return await new MultiplexedKit({ size: 1, limits }).fill();
}

/** Lets time pass in which the client could come to rest. */
async function passTime(kit: MultiplexedKit): Promise<void> {
  for (let round = 0; round < 3; round++) await kit.pass(A_WHILE_MS);
}

/** The client asks, and comes to rest when it is answered. */
async function askAndRest(
  kit: MultiplexedKit,
  client: MultiplexedClient,
  ask = UPDATE,
  ...answer: readonly Uint8Array[]
): Promise<void> {
  await kit.say(client, ask);
  await kit.answer(kit.at(), ...(answer.length > 0 ? answer : [COMPLETE, READY]));
  expect(client.relay).toBeDefined();
  await passTime(kit);
  expect(client.relay).toBeUndefined();
}

describe("a client that is logged in", () => {
  test("has no relay before it asks, nor when it has asked for nothing for a while", async () => {
    const kit = await kitOf();
    const client = kit.client();
    expect(client.relay).toBeUndefined();
    for (let round = 0; round < 3; round++) {
      await askAndRest(kit, client);
      expect(told(client.heard.take())).toBe("C Z");
    }
    await kit.expectClean();
  });

  test("stays awake as long as it asks", async () => {
    const kit = await kitOf();
    const client = kit.client();
    await kit.say(client, UPDATE);
    const { relay } = client;
    for (let round = 0; round < 10; round++) {
      await kit.answer(kit.at(), COMPLETE, READY);
      await kit.pass(A_WHILE_MS - 1);
      await kit.say(client, UPDATE);
    }
    expect(client.relay).toBe(relay);
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.expectClean();
  });

  test("wakes for whatever comes first, cut anywhere", async () => {
    const requests = Buffer.concat([frontend.sync(), UPDATE]);
    for (let cut = 1; cut < requests.length; cut++) {
      const kit = await kitOf();
      const client = kit.client();
      await askAndRest(kit, client);
      client.heard.take();
      kit.at().heard.take();
      await kit.say(client, requests.subarray(0, cut));
      await passTime(kit);
      await kit.say(client, requests.subarray(cut));
      expect(kit.at().heard.take()).toEqual(UPDATE);
      await kit.answer(kit.at(), COMPLETE, READY);
      expect(told(client.heard.take())).toBe("Z C Z");
      await kit.expectClean();
    }
  });

  test("rests after what it has shared, and shares again", async () => {
    const kit = await kitOf();
    const client = kit.client();
    const other = kit.client();
    for (let round = 0; round < 2; round++) {
      await kit.say(other, SHARED);
      await kit.say(client, SHARED);
      await kit.answer(kit.at(), backend.rows("1"), backend.rows("2"));
      expect([other, client].map(({ heard }) => told(heard.take()))).toEqual([
        "T D C Z",
        "T D C Z",
      ]);
      await passTime(kit);
      expect([other.relay, client.relay]).toEqual([undefined, undefined]);
    }
    await kit.expectClean();
  });

  test("takes little, also when it has asked for something once", async () => {
    const COUNT = 200;
    // The half of them are those of the test: connection, recorder and what they hold. Awake it has 60 more.
    const MAX_OBJECTS = 45;
    const kit = await kitOf();
    kit.clients(COUNT);
    const before = liveObjects();
    const clients = kit.clients(COUNT);
    expect((liveObjects() - before) / COUNT).toBeLessThan(MAX_OBJECTS);
    for (const client of clients) {
      await kit.say(client, UPDATE);
      await kit.answer(kit.at(), COMPLETE, READY);
      client.heard.take();
    }
    kit.at().heard.take();
    await passTime(kit);
    expect((liveObjects() - before) / COUNT).toBeLessThan(MAX_OBJECTS);
    await kit.expectClean();
  });
});

function liveObjects(): number {
  Bun.gc(true);
  return heapStats().objectCount;
}

describe("a client does not rest", () => {
  test.each([
    ["in a transaction", frontend.query("begin"), [COMPLETE, backend.ready("T")]],
    ["that waits for an answer", UPDATE, []],
    ["that has got the beginning of one", UPDATE, [COMPLETE.subarray(0, 3)]],
    [
      "in a batch",
      Buffer.concat([frontend.parse("x"), frontend.flush()]),
      [backend.parseComplete()],
    ],
    ["that listens", frontend.query("listen a"), [COMPLETE, READY]],
    ["that has a temporary table", frontend.query("create temp table a()"), [COMPLETE, READY]],
  ])("%s", async (_, ask, answer) => {
    const kit = await kitOf();
    const client = kit.client();
    await kit.say(client, ask);
    await kit.answer(kit.at(), ...answer);
    await passTime(kit);
    expect(client.relay).toBeDefined();
    await kit.expectClean();
  });

  test("that has sent a part of a message", async () => {
    const kit = await kitOf();
    const client = kit.client();
    await kit.say(client, UPDATE.subarray(0, 3));
    await passTime(kit);
    expect(client.relay).toBeDefined();
    await kit.expectClean();
  });

  test("that waits for a server", async () => {
    const kit = await kitOf();
    const [first, second] = [kit.client(), kit.client()];
    await kit.say(first, UPDATE);
    await kit.say(second, UPDATE);
    await passTime(kit);
    expect(second.relay).toBeDefined();
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.answer(kit.at(), COMPLETE, READY);
    expect(told(second.heard.take())).toBe("C Z");
    await passTime(kit);
    expect(second.relay).toBeUndefined();
    await kit.expectClean();
  });

  test("that does not take what it is sent", async () => {
    const kit = await kitOf();
    const client = kit.client();
    client.gatewayEnd.isBlocked = true;
    await kit.say(client, UPDATE);
    await kit.answer(kit.at(), backend.rows("x".repeat(1024 * 1024)));
    await passTime(kit);
    expect(client.relay).toBeDefined();
    client.gatewayEnd.isBlocked = false;
    await passTime(kit);
    expect(told(client.heard.take())).toBe("T D C Z");
    await passTime(kit);
    expect(client.relay).toBeUndefined();
    await kit.expectClean();
  });
});

describe("at rest a client", () => {
  test("has nothing to cancel, and is found again", async () => {
    const kit = await kitOf();
    const client = kit.client();
    await askAndRest(kit, client);
    client.heard.take();
    await kit.cancel(client);
    expect(client.heard.take()).toEqual(Buffer.alloc(0));
    const [first, second] = [kit.client(), client];
    await kit.say(first, UPDATE);
    await kit.say(second, UPDATE);
    await kit.cancel(second);
    expect(told(second.heard.take())).toBe("E ERROR 57014 Z");
    await kit.expectClean();
  });

  test("leaves at once when it is drained", async () => {
    const kit = await kitOf();
    const client = kit.client();
    await askAndRest(kit, client);
    client.heard.take();
    client.session.drain("ERR_SHUTTING_DOWN");
    client.session.drain("ERR_SHUTTING_DOWN");
    await kit.pass(0);
    expect([told(client.heard.take()), client.ends]).toEqual([
      "E FATAL 57P01",
      ["ERR_SHUTTING_DOWN"],
    ]);
    await kit.expectClean();
  });

  test.each(["shutdown", "terminate"] as const)("is gone after a %s", async (way) => {
    const kit = await kitOf();
    const client = kit.client();
    await askAndRest(kit, client);
    client.connection[way]();
    await kit.pass(0);
    expect([client.ends, kit.left]).toEqual([["clientGone"], 1]);
    await kit.expectClean();
  });

  test("has the time that it had", async () => {
    const limitMs = 60_000;
    const kit = await kitOf({ idleTimeoutMs: limitMs });
    const untouched = kit.client();
    const client = kit.client();
    await kit.pass(1_000);
    await askAndRest(kit, client);
    client.heard.take();
    // That asks for nothing, and takes no more time.
    await kit.say(client, frontend.sync());
    expect([told(client.heard.take()), client.relay === undefined]).toEqual(["Z", false]);
    await passTime(kit);
    expect(client.relay).toBeUndefined();
    await kit.pass(limitMs - 31_000);
    expect([untouched.ends, client.ends]).toEqual([["ERR_IDLE_TIMEOUT"], []]);
    await kit.pass(990);
    expect(client.ends).toEqual([]);
    await kit.pass(20);
    expect([told(client.heard.take()), client.ends]).toEqual([
      "E FATAL 57P05",
      ["ERR_IDLE_TIMEOUT"],
    ]);
    await kit.expectClean();
  });

  test("is behind the handlers that come, and that have come", async () => {
    const kit = await kitOf();
    const client = kit.client();
    await askAndRest(kit, client);
    client.heard.take();
    const seen: string[] = [];
    const remove = kit.on("OnTrafficFromClient", (payload) => {
      seen.push(told(bytesIn(payload, "request")));
    });
    for (let round = 1; round < 3; round++) {
      await kit.say(client, UPDATE);
      await kit.answer(kit.at(), COMPLETE, READY);
      expect([told(client.heard.take()), seen.length]).toEqual(["C Z", round]);
      await passTime(kit);
      expect(kit.awake).toBe(0);
    }
    remove();
    await kit.say(client, UPDATE);
    expect([seen.length, client.relay === undefined]).toEqual([2, false]);
    await kit.answer(kit.at(), COMPLETE, READY);
    await passTime(kit);
    expect(client.relay).toBeUndefined();
    await kit.expectClean();
  });

  test("has what it has set", async () => {
    const kit = await kitOf();
    const asked = new Settings([["DateStyle", "German, DMY"]]);
    const client = kit.client(asked);
    await kit.say(client, frontend.query("set a.b to 'c'"));
    // To what its startup has set, to that, and to what is set now.
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.answer(kit.at(), ...settingsAnswer({ "a.b": "c", DateStyle: "German, DMY" }));
    await passTime(kit);
    expect(client.relay).toBeUndefined();
    // Somebody else comes in between, with none of that.
    const other = kit.client();
    await kit.say(other, UPDATE);
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.answer(kit.at(), COMPLETE, READY);
    expect(told(other.heard.take())).toBe("C Z");
    kit.at().heard.take();
    await kit.say(client, frontend.query("reset datestyle"));
    const restored = kit.at().heard.take().toString();
    expect([restored.includes("a.b"), restored.includes("German, DMY")]).toEqual([true, true]);
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.answer(kit.at(), COMPLETE, READY);
    expect(kit.at().heard.take().toString()).toContain("'a.b'");
    await kit.answer(kit.at(), ...settingsAnswer({ "a.b": "c" }));
    expect(kit.at().heard.take().toString()).toContain("German, DMY");
    await kit.answer(kit.at(), COMPLETE, READY);
    expect(told(client.heard.take())).toBe("C Z C Z");
    await kit.expectClean();
  });

  test("has what it has prepared", async () => {
    const kit = await kitOf();
    const client = kit.client();
    const parsed = Buffer.concat([message("1"), READY]);
    await askAndRest(
      kit,
      client,
      Buffer.concat([frontend.parse("update a set b = 1", "mine"), frontend.sync()]),
      parsed,
    );
    kit.at().heard.take();
    const run = Buffer.concat([frontend.bind("", "mine"), frontend.execute(), frontend.sync()]);
    await askAndRest(kit, client, run, message("2"), COMPLETE, READY);
    const [, name] = /\0(_gatewayd_\d+)\0/.exec(kit.at().heard.text) ?? [];
    expect(name).toBeDefined();
    expect(told(client.heard.take())).toBe("1 Z 2 C Z");
    await kit.expectClean();
  });
});

/** Name and value of all that is set, as the server tells it. */
function settingsAnswer(settings: Readonly<Record<string, string>>): readonly Uint8Array[] {
  const rows = Object.entries(settings).map(([name, value]) => backend.dataRow(name, value));
  return [
    backend.rowDescription("name", "setting"),
    ...rows,
    backend.commandComplete(`SELECT ${rows.length}`),
    READY,
  ];
}
