import { describe, expect, test } from "bun:test";
import { MultiplexedKit } from "../../../tests/fixtures/multiplexed.ts";
import { told } from "../../../tests/fixtures/session.ts";
import { backend, frontend, message } from "../../../tests/fixtures/wire/index.ts";
import { Settings, errorResponse } from "../../postgres/index.ts";

const COMPLETE = message("C", "OK");
const READY = message("Z", Buffer.from("I"));
const ASKS_SETTINGS = "pg_catalog.pg_settings";
const GOODBYE = errorResponse({
  severity: "FATAL",
  sqlState: "57P01",
  message: "terminating connection due to administrator command",
});

async function newKit(size = 1): Promise<MultiplexedKit> {
  return await new MultiplexedKit({ size }).fill();
}

describe("a session that shares its server", () => {
  test("hears nothing of a goodbye that comes with its answer, and goes on elsewhere", async () => {
    const kit = await newKit();
    const client = kit.client();
    await kit.say(client, frontend.query("vacuum"));
    await kit.answer(kit.at(), Buffer.concat([COMPLETE, READY, GOODBYE]));
    kit.at().connection.close();
    expect(told(client.heard.take())).toBe("C Z");
    await kit.pass(6_000);
    expect(client.ends).toEqual([]);
    await kit.say(client, frontend.query("vacuum"));
    await kit.answer(kit.at(1), backend.rows("served"));
    expect(told(client.heard.take())).toBe("T D C Z");
    await kit.expectClean();
  });

  test("goes on elsewhere when the server leaves behind the answer that it waited for", async () => {
    for (const isCut of [false, true]) {
      const kit = await newKit();
      const client = kit.client(new Settings([["DateStyle", "German, DMY"]]));
      await kit.say(client, frontend.query("vacuum"));
      kit.at().connection.write(Buffer.concat([COMPLETE, READY, GOODBYE]));
      if (isCut) kit.at().connection.terminate();
      else kit.at().connection.close();
      await kit.pass(0);
      for (let round = 0; round < 100 && kit.backends.length < 2; round++) await kit.pass(100);
      await kit.answer(kit.at(1), COMPLETE, READY);
      await kit.answer(kit.at(1), backend.rows("served"));
      expect(told(client.heard.take())).toBe("T D C Z");
      await kit.expectClean();
    }
  });

  test("leaves when it drains and what it waited for is cancelled", async () => {
    const kit = await newKit();
    const blocker = kit.client();
    const client = kit.client();
    await kit.say(blocker, frontend.query("begin"));
    await kit.say(client, frontend.query("vacuum"));
    client.session.drain("ERR_SHUTTING_DOWN");
    await client.session.cancel();
    await kit.pass(0);
    expect(told(client.heard.take())).toBe("E ERROR 57014 Z E FATAL 57P01");
    await kit.expectClean();
  });

  test("hears a goodbye that comes in the middle of its transaction", async () => {
    const kit = await newKit();
    const client = kit.client();
    await kit.say(client, frontend.query("begin"));
    await kit.answer(kit.at(), COMPLETE, message("Z", Buffer.from("T")), GOODBYE);
    kit.at().connection.close();
    await kit.pass(0);
    expect(told(client.heard.take())).toBe("C Z E FATAL 57P01");
    expect(client.ends).toEqual(["serverClosed"]);
    await kit.expectClean();
  });

  test("has each Sync answered that comes in pieces while its settings are asked for", async () => {
    for (let at = 1; at < frontend.sync().length; at++) {
      const kit = await newKit();
      const client = kit.client();
      await kit.say(client, frontend.query("set datestyle to german"));
      await kit.answer(kit.at(), COMPLETE, READY);
      expect(kit.at().heard.text).toContain(ASKS_SETTINGS);
      await kit.say(client, frontend.sync().subarray(0, at));
      await kit.answer(kit.at(), COMPLETE, READY);
      await kit.say(client, frontend.sync().subarray(at));
      expect(told(client.heard.take())).toBe("C Z Z");
      await kit.say(client, frontend.query("vacuum"));
      await kit.answer(kit.at(), COMPLETE, READY);
      expect(told(client.heard.take())).toBe("C Z");
      await kit.expectClean();
    }
  });

  test("that is pinned has them answered too", async () => {
    for (let at = 1; at < frontend.sync().length; at++) {
      const kit = await newKit();
      const client = kit.client();
      await kit.say(client, frontend.query("listen news; set datestyle to german"));
      await kit.answer(kit.at(), COMPLETE, READY);
      await kit.say(client, frontend.sync().subarray(0, at));
      await kit.answer(kit.at(), COMPLETE, READY);
      await kit.say(client, frontend.sync().subarray(at));
      await kit.answer(kit.at(), READY);
      expect(told(client.heard.take())).toBe("C Z Z");
      await kit.expectClean();
    }
  });
});
