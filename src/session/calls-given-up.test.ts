/** Calls that nobody waits for any more, in passthrough mode; of the pooled ones hooked-client.test.ts tells. */
import { describe, expect, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { SessionKit } from "../../tests/fixtures/session.ts";
import { backend, frontend } from "../../tests/fixtures/wire/index.ts";

const { query } = frontend;
const QUERY = query("select 1");
const ROWS = backend.rows("1");

describe("a request before a handler that takes its time", () => {
  /** A session whose client has asked something that its handler does not answer. */
  async function asked(...requests: readonly Uint8Array[]) {
    const kit = await new SessionKit().logIn();
    const calls = { begun: 0, givenUp: 0 };
    kit.on("OnTrafficFromClient", () => {
      calls.begun++;
      return Object.assign(new Promise<void>(() => {}), { giveUp: () => calls.givenUp++ });
    });
    await kit.say(...requests);
    return { kit, calls };
  }

  test("is given up when its client is gone", async () => {
    const { kit, calls } = await asked(QUERY);
    kit.client.terminate();
    await settle();
    expect(calls).toEqual({ begun: 1, givenUp: 1 });
    expect(kit.handlerErrors).toEqual([]);
    await kit.expectClean();
  });

  test("is given up half a second after its client has sent its last byte", async () => {
    const { kit, calls } = await asked(QUERY, QUERY);
    kit.client.shutdown();
    await settle();
    const end = kit.backend;
    await kit.pass(490);
    expect([calls.givenUp, kit.endings]).toEqual([0, 0]);
    await kit.pass(20);
    expect([calls, kit.endings]).toEqual([{ begun: 1, givenUp: 1 }, 1]);
    expect(end.heard.bytes).toHaveLength(0);
    await kit.expectClean();
  });

  test("is not given up for a client that has said Terminate behind it", async () => {
    const { kit, calls } = await asked(QUERY, frontend.terminate());
    kit.client.shutdown();
    await settle();
    await kit.pass(10_000);
    expect(calls).toEqual({ begun: 1, givenUp: 0 });
    kit.client.terminate();
    await settle();
    expect(calls).toEqual({ begun: 1, givenUp: 1 });
    await kit.expectClean();
  });

  test("is not given up when it says that its client leaves", async () => {
    const { kit, calls } = await asked(frontend.terminate());
    kit.client.terminate();
    await settle();
    expect(calls).toEqual({ begun: 1, givenUp: 0 });
    // The time of the chain.
    await kit.pass(30_000);
    await kit.expectClean();
  });

  test("has that time anew behind one that has been answered", async () => {
    const kit = await new SessionKit().logIn();
    const answers: (() => void)[] = [];
    kit.on("OnTrafficFromClient", () => new Promise<void>((resolve) => answers.push(resolve)));
    const end = kit.backend;
    await kit.say(QUERY, query("select 2"));
    kit.client.shutdown();
    await settle();
    await kit.pass(400);
    answers[0]?.();
    await settle();
    await kit.pass(400);
    answers[1]?.();
    await settle();
    expect(end.heard.bytes).toEqual(Buffer.concat([QUERY, query("select 2")]));
    await kit.expectClean();
  });

  test("is heard to its end when it is an answer", async () => {
    const kit = await new SessionKit().logIn();
    let givenUp = 0;
    kit.on("OnTrafficFromServer", () =>
      Object.assign(new Promise<void>(() => {}), { giveUp: () => givenUp++ }),
    );
    await kit.say(QUERY);
    await kit.answer(ROWS);
    kit.client.terminate();
    await settle();
    expect(givenUp).toBe(0);
    await kit.pass(30_000);
    await kit.expectClean();
  });
});
