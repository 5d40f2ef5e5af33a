import { describe, expect, spyOn, test } from "bun:test";
import { settle } from "../../../tests/fixtures/fake-server.ts";
import { SPEEDS, bytesIn, terminateIf } from "../../../tests/fixtures/handlers.ts";
import { MultiplexedKit } from "../../../tests/fixtures/multiplexed.ts";
import { told } from "../../../tests/fixtures/session.ts";
import { backend, everySplit, frontend } from "../../../tests/fixtures/wire/index.ts";
import type { HookHandler, HookName, HookPayload } from "../../hooks/index.ts";

const { query, parse, bind, execute, sync, flush } = frontend;

/** What no one shares a backend for. */
const UPDATE = query("update t");
/** What may share one. */
const SELECT = query("select 1");
const BATCH = Buffer.concat([parse("update t"), bind(), execute(), sync()]);
const ROWS = backend.rows("1");
const BATCH_ROWS = Buffer.concat([
  backend.parseComplete(),
  backend.bindComplete(),
  backend.dataRow("1"),
  backend.commandComplete("UPDATE 1"),
  backend.ready(),
]);
const BEGUN = Buffer.concat([backend.commandComplete("BEGIN"), backend.ready("T")]);

const HOOKS = [
  "OnTrafficFromClient",
  "OnTrafficToServer",
  "OnTrafficFromServer",
  "OnTrafficToClient",
] as const satisfies readonly HookName[];

/** Handlers that answer when they are told to, the oldest first. */
function slow() {
  const waiting: (() => void)[] = [];
  return {
    waiting,
    handler: (): Promise<void> => new Promise<void>((resolve) => waiting.push(resolve)),
    goOn: async (): Promise<void> => {
      waiting.shift()?.();
      await settle();
    },
  };
}

function serverOf(payload: HookPayload): unknown {
  return payload["server"];
}

describe.each(Object.entries(SPEEDS))("through handlers that answer %s the traffic", (_, at) => {
  test("comes out as it went in, wherever it is split", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    for (const hook of HOOKS)
      kit.on(
        hook,
        at((payload) => payload),
      );
    const client = kit.client();
    const requests = Buffer.concat([UPDATE, BATCH]);
    const answers = Buffer.concat([ROWS, BATCH_ROWS]);
    for (const chunks of everySplit(requests)) {
      await kit.say(client, ...chunks);
      // The second one waits for the connection, which the first one gives back.
      await kit.answer(kit.at(), ROWS);
      await kit.answer(kit.at(), BATCH_ROWS);
      expect(kit.at().heard.take()).toEqual(requests);
      expect(client.heard.take()).toEqual(answers);
    }
    for (const chunks of everySplit(ROWS)) {
      await kit.say(client, UPDATE);
      await kit.answer(kit.at(), ...chunks);
      await kit.pass(20);
      expect(client.heard.take()).toEqual(ROWS);
    }
    expect(kit.handlerErrors).toEqual([]);
    await kit.expectClean();
  });

  test("ends behind a FATAL error of a handler, without another one", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const fatal = backend.error("57P01", "FATAL");
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden", fatal)));
    const client = kit.client();
    await kit.say(client, UPDATE, query("forbidden"));
    await kit.answer(kit.at(), ROWS);
    expect(client.heard.bytes).toEqual(Buffer.concat([ROWS, fatal]));
    expect(client.ends).toEqual(["ERR_TERMINATED"]);
    await kit.expectClean();
  });

  test("is seen in order, in the client's words, also when the gateway answers", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const seen: string[] = [];
    for (const hook of HOOKS) {
      const note: HookHandler = (payload) => {
        const response =
          payload["response"] === undefined ? "" : told(bytesIn(payload, "response"));
        seen.push(`${hook}: ${bytesIn(payload, "request").toString("latin1", 5, 7)} > ${response}`);
      };
      kit.on(hook, at(note));
    }
    const client = kit.client();
    const named = Buffer.concat([parse("update t", "mine"), bind("", "mine"), execute(), sync()]);
    await kit.say(client, named);
    expect(kit.at().heard.text).not.toContain("mine");
    await kit.answer(kit.at(), BATCH_ROWS);
    await kit.say(client, sync());
    await settle();
    expect(client.heard.bytes).toEqual(Buffer.concat([BATCH_ROWS, backend.ready()]));
    const ofNamed = seen.filter((line) => line.includes(": mi"));
    const ofSync = seen.filter((line) => line.includes(":  >"));
    expect(ofNamed).toEqual([
      "OnTrafficFromClient: mi > ",
      "OnTrafficToServer: mi > ",
      "OnTrafficFromServer: mi > 1 2 D C Z",
      "OnTrafficToClient: mi > 1 2 D C Z",
    ]);
    expect(ofSync).toEqual([
      "OnTrafficFromClient:  > ",
      "OnTrafficToServer:  > ",
      "OnTrafficFromServer:  > Z",
      "OnTrafficToClient:  > Z",
    ]);
    await kit.expectClean();
  });

  test("takes no connection for what a handler answers, and keeps its order", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    kit.on("OnTrafficFromClient", at(terminateIf("cached", backend.rows("cached"))));
    const [holding, other] = [kit.client(), kit.client()];
    await kit.say(holding, query("begin"));
    await kit.answer(kit.at(), BEGUN);
    await kit.say(other, query("cached"));
    expect(other.heard.take()).toEqual(backend.rows("cached"));
    expect(kit.snapshot.waiting).toBe(0);
    await kit.say(other, UPDATE, query("cached"), UPDATE);
    expect(kit.snapshot.waiting).toBe(1);
    expect(other.heard.byteLength).toBe(0);
    kit.at().heard.take();
    await kit.say(holding, query("commit"));
    await kit.answer(kit.at(), ROWS);
    expect(kit.at().heard.take()).toEqual(Buffer.concat([query("commit"), UPDATE]));
    await kit.answer(kit.at(), ROWS);
    expect(other.heard.take()).toEqual(Buffer.concat([ROWS, backend.rows("cached")]));
    expect(kit.at().heard.take()).toEqual(UPDATE);
    await kit.answer(kit.at(), ROWS);
    expect(other.heard.take()).toEqual(ROWS);
    await kit.expectClean();
  });

  test("is refused with the true status of the transaction, on the connection or without", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden")));
    const client = kit.client();
    await kit.say(client, query("forbidden"));
    expect(told(client.heard.bytes)).toBe("E ERROR 42000 Z");
    expect(client.heard.take().toString("latin1")).toEndWith("I");
    await kit.say(client, query("begin"));
    await kit.answer(kit.at(), BEGUN);
    await kit.say(client, parse("one"), flush());
    await kit.answer(kit.at(), backend.parseComplete());
    kit.at().heard.take();
    client.heard.take();
    await kit.say(client, parse("forbidden"), flush(), execute(), sync());
    expect(told(kit.at().heard.bytes)).toBe("E S");
    await kit.answer(kit.at(), backend.error("34000"), backend.ready("E"));
    expect(told(client.heard.bytes)).toBe("E ERROR 42000 Z");
    expect(client.heard.text).toEndWith("E");
    await kit.expectClean();
  });

  test("shares a connection as it does without them", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    for (const hook of HOOKS)
      kit.on(
        hook,
        at((payload) => payload),
      );
    const clients = kit.clients(3);
    for (const client of clients) await kit.say(client, SELECT);
    expect(kit.at().heard.take()).toEqual(Buffer.concat([SELECT, SELECT, SELECT]));
    await kit.answer(kit.at(), ROWS, backend.rows("2"), backend.rows("3"));
    expect(clients.map(({ heard }) => heard.bytes)).toEqual([
      ROWS,
      backend.rows("2"),
      backend.rows("3"),
    ]);
    await kit.expectClean();
  });
});

describe("handlers that come and go", () => {
  test("see what begins after they came, and leave nothing when they go", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const client = kit.client();
    await kit.say(client, UPDATE.subarray(0, 7));
    const seen: string[] = [];
    const remove = kit.on("OnTrafficFromClient", (payload) => {
      seen.push(told(bytesIn(payload, "request")));
    });
    await kit.say(client, UPDATE.subarray(7));
    await kit.answer(kit.at(), ROWS);
    expect(seen).toEqual([]);
    await kit.say(client, BATCH);
    await kit.answer(kit.at(), BATCH_ROWS);
    expect(seen).toEqual(["P B E S"]);
    expect(client.relay).toBeUndefined();
    remove();
    await kit.say(client, UPDATE);
    expect(client.relay).toBeDefined();
    await kit.answer(kit.at(), ROWS);
    expect(client.heard.bytes).toEqual(Buffer.concat([ROWS, BATCH_ROWS, ROWS]));
    await kit.expectClean();
  });

  test("see the rest of a transaction, and no answer to what they did not see", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const client = kit.client();
    await kit.say(client, query("begin"));
    await kit.answer(kit.at(), BEGUN);
    await kit.say(client, UPDATE);
    const seen: string[] = [];
    kit.on("OnTrafficFromServer", (payload) => {
      seen.push(`${told(bytesIn(payload, "request"))} > ${told(bytesIn(payload, "response"))}`);
    });
    kit.on("OnTrafficFromClient", terminateIf("forbidden"));
    await kit.say(client, BATCH, query("forbidden"));
    await kit.answer(kit.at(), backend.commandComplete("UPDATE 1"), backend.ready("T"));
    await kit.answer(kit.at(), BATCH_ROWS.subarray(0, -6), backend.ready("T"));
    expect(seen).toEqual(["P B E S > 1 2 D C Z"]);
    expect(told(client.heard.bytes)).toEndWith("C Z 1 2 D C Z E ERROR 42000 Z");
    expect(client.heard.text).toEndWith("T");
    await kit.expectClean();
  });

  test("do not see half a response, nor a statement that is prepared for the client", async () => {
    const kit = await new MultiplexedKit({ size: 2 }).fill();
    const [client, other] = [kit.client(), kit.client()];
    const named = Buffer.concat([parse("update t", "mine"), sync()]);
    const first = kit.backends.findLastIndex(() => true);
    await kit.say(client, named);
    await kit.answer(kit.at(first), backend.parseComplete(), backend.ready());
    // The one that has the statement is taken.
    await kit.say(other, query("begin"));
    await kit.answer(kit.at(first), BEGUN);
    const second = kit.at(1 - first);
    await kit.say(client, bind("", "mine"), execute(), sync());
    expect(told(second.heard.bytes)).toBe("P B E S");
    const seen: string[] = [];
    kit.on("OnTrafficFromServer", (payload) => {
      seen.push(told(bytesIn(payload, "response")));
    });
    client.heard.take();
    await kit.answer(second, BATCH_ROWS.subarray(0, 10), BATCH_ROWS.subarray(10));
    expect(told(client.heard.take())).toBe("2 D C Z");
    await kit.say(client, UPDATE);
    await kit.answer(second, ROWS);
    expect(seen.at(-1)).toBe("T D C Z");
    expect(seen.join()).not.toContain("1");
    await kit.expectClean();
  });
});

describe("a session with slow handlers", () => {
  test("holds up no other", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const { handler, goOn } = slow();
    kit.on("OnTrafficFromClient", (payload) =>
      bytesIn(payload, "request").includes("slow") ? handler() : undefined,
    );
    const [client, other] = [kit.client(), kit.client()];
    await kit.say(client, query("slow"), UPDATE);
    await kit.say(other, UPDATE);
    await kit.answer(kit.at(), ROWS);
    expect(other.heard.bytes).toEqual(ROWS);
    expect(kit.snapshot.leased).toBe(0);
    await goOn();
    expect(kit.at().heard.bytes).toEqual(Buffer.concat([UPDATE, query("slow"), UPDATE]));
    await kit.answer(kit.at(), ROWS, backend.rows("2"));
    expect(client.heard.bytes).toEqual(Buffer.concat([ROWS, backend.rows("2")]));
    await kit.expectClean();
  });

  test("gives its connection back while its answer is with a handler", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const { handler, goOn } = slow();
    kit.on("OnTrafficFromServer", handler);
    const client = kit.client();
    await kit.say(client, UPDATE);
    await kit.answer(kit.at(), ROWS);
    expect(kit.snapshot.leased).toBe(0);
    expect(client.heard.byteLength).toBe(0);
    await goOn();
    expect(client.heard.bytes).toEqual(ROWS);
    await kit.expectClean();
  });

  test("is not idle while a handler has its request", async () => {
    const kit = await new MultiplexedKit({ size: 1, limits: { idleTimeoutMs: 1_000 } }).fill();
    const { handler, goOn } = slow();
    const remove = kit.on("OnTrafficFromClient", handler);
    const client = kit.client();
    await kit.say(client, UPDATE);
    await kit.pass(10_000);
    expect(client.ends).toEqual([]);
    remove();
    await goOn();
    await kit.answer(kit.at(), ROWS);
    expect(client.heard.take()).toEqual(ROWS);
    await kit.pass(1_100);
    expect(told(client.heard.bytes)).toBe("E FATAL 57P05");
    await kit.expectClean();
  });

  test("is drained when its last answer is through", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const { handler, goOn } = slow();
    const remove = kit.on("OnTrafficFromServer", handler);
    const client = kit.client();
    await kit.say(client, UPDATE);
    await kit.answer(kit.at(), ROWS);
    client.session.drain("ERR_SHUTTING_DOWN");
    await settle();
    expect(client.ends).toEqual([]);
    remove();
    await goOn();
    expect(told(client.heard.bytes)).toBe("T D C Z E FATAL 57P01");
    expect(client.ends).toEqual(["ERR_SHUTTING_DOWN"]);
    await kit.expectClean();
  });

  test("is told of its end through them, and lives so long", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const { handler, goOn } = slow();
    const client = kit.client();
    kit.on("OnTrafficFromServer", handler);
    await kit.say(client, UPDATE);
    kit.at().connection.terminate();
    await settle();
    expect(client.heard.byteLength).toBe(0);
    expect(client.ends).toEqual([]);
    await goOn();
    expect(told(client.heard.bytes)).toBe("E FATAL 08006");
    expect(client.ends).toEqual(["ERR_SERVER_LOST"]);
    await kit.expectClean();
  });

  test.each(["before", "after"])(
    "is cut off when the gateway stops, %s it has ended",
    async (when) => {
      const kit = await new MultiplexedKit({ size: 1 }).fill();
      const { handler, goOn } = slow();
      kit.on("OnTrafficFromServer", handler);
      const client = kit.client();
      await kit.say(client, UPDATE);
      await kit.answer(kit.at(), ROWS);
      if (when === "after") client.session.fail("ERR_SERVER_LOST");
      await settle();
      client.session.fail("ERR_SHUTTING_DOWN");
      expect(client.ends).toHaveLength(1);
      await settle();
      await goOn();
      expect(told(client.heard.bytes)).toBe(when === "before" ? "E FATAL 57P01" : "");
      await kit.expectClean();
    },
  );

  test("gets the answer to what it sent before its end", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const asked = slow();
    const answered = slow();
    kit.on("OnTrafficFromClient", asked.handler);
    kit.on("OnTrafficFromServer", answered.handler);
    const client = kit.client();
    await kit.say(client, UPDATE);
    client.connection.shutdown();
    await settle();
    expect(client.ends).toEqual([]);
    await asked.goOn();
    await kit.answer(kit.at(), ROWS);
    expect(client.ends).toEqual([]);
    await answered.goOn();
    expect(client.heard.bytes).toEqual(ROWS);
    expect(client.ends).toEqual(["clientGone"]);
    await kit.expectClean();
  });

  test("is over when its client is gone, whatever handlers have", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const { handler, goOn } = slow();
    kit.on("OnTrafficFromClient", handler);
    const client = kit.client();
    await kit.say(client, UPDATE);
    client.connection.terminate();
    await settle();
    expect(client.ends).toEqual(["clientGone"]);
    await goOn();
    expect(kit.at().heard.byteLength).toBe(0);
    await kit.expectClean();
  });

  test("is over half a second after its client has sent its last byte before a handler", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    let givenUp = 0;
    kit.on("OnTrafficFromClient", () =>
      Object.assign(new Promise<void>(() => {}), { giveUp: () => givenUp++ }),
    );
    const client = kit.client();
    const leaving = kit.client();
    await kit.say(client, UPDATE);
    await kit.say(leaving, UPDATE, frontend.terminate());
    for (const { connection } of [client, leaving]) connection.shutdown();
    await settle();
    await kit.pass(490);
    expect([givenUp, ...client.ends]).toEqual([0]);
    await kit.pass(20);
    expect([givenUp, ...client.ends]).toEqual([1, "clientGone"]);
    // It has said that the server is to finish what it was sent.
    expect(leaving.ends).toEqual([]);
    leaving.connection.terminate();
    await settle();
    expect([givenUp, ...leaving.ends]).toEqual([2, "clientGone"]);
    expect(kit.at().heard.byteLength).toBe(0);
    await kit.expectClean();
  });

  test("slows its client down, and its server", async () => {
    const kit = await new MultiplexedKit({ size: 1 }).fill();
    const asked = slow();
    const removeAsked = kit.on("OnTrafficFromClient", asked.handler);
    const client = kit.client();
    const large = query("x".repeat(200_000));
    const clientPause = spyOn(client.gatewayEnd, "pause");
    for (let index = 0; index < 10; index++) await kit.say(client, large);
    expect(clientPause).toHaveBeenCalledTimes(1);
    const answered = slow();
    kit.on("OnTrafficFromServer", answered.handler);
    removeAsked();
    for (let index = 0; index < 10; index++) await asked.goOn();
    expect(kit.at().heard.take().length).toBe(10 * large.length);
    const serverPause = spyOn(kit.at().backend.connection, "pause");
    const row = backend.dataRow("y".repeat(1_100_000));
    for (let index = 0; index < 4; index++) await kit.answer(kit.at(), row);
    expect(serverPause).toHaveBeenCalledTimes(1);
    for (let index = 0; index < 4; index++) await answered.goOn();
    expect(client.heard.byteLength).toBe(4 * row.length);
    await kit.expectClean();
  });
});

test("handlers are told where the server is, and of our end there while there is one", async () => {
  const kit = await new MultiplexedKit({ size: 1 }).fill();
  const seen: unknown[] = [];
  for (const hook of HOOKS) {
    kit.on(hook, (payload) => {
      seen.push(serverOf(payload));
    });
  }
  const client = kit.client();
  const { localAddress: local, remoteAddress } = kit.at().backend.connection;
  const unknown = { local: "", remote: "192.0.2.1:5432" };
  await kit.say(client, UPDATE);
  await kit.answer(kit.at(), ROWS);
  // All of a cycle have one address: the block's, before there was a connection.
  expect(seen.splice(0)).toEqual([
    unknown,
    { ...unknown, local },
    { ...unknown, local },
    { ...unknown, local },
  ]);
  await kit.say(client, sync());
  expect(seen.splice(0)).toEqual(
    Array.from({ length: 4 }, () => ({ local: "", remote: remoteAddress })),
  );
  await kit.expectClean();
});
