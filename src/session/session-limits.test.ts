import { describe, expect, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { SessionKit, told } from "../../tests/fixtures/session.ts";
import { backend, frontend, opening } from "../../tests/fixtures/wire/index.ts";
import { terminate } from "../hooks/index.ts";
import type { HookName } from "../hooks/index.ts";
import type { SessionLimits } from "./session-context.ts";

const QUERY = frontend.query("select 1");
const ROWS = backend.rows("1");
const IN_TRANSACTION = Buffer.concat([backend.commandComplete("BEGIN"), backend.ready("T")]);

/** The errors among what the client was told. */
const errorsOf = (kit: SessionKit): string =>
  told(kit.heard.bytes)
    .split(/ (?=[A-Z0-9a-z](?: |$))/)
    .filter((word) => word.startsWith("E "))
    .join(", ");

describe("the idle timeout", () => {
  test("ends a client that says nothing outside a transaction", async () => {
    const kit = await new SessionKit({ limits: { idleTimeoutMs: 1_000 } }).logIn();
    await kit.pass(990);
    expect(kit.heard.text).toBe("");
    await kit.pass(20);
    expect(errorsOf(kit)).toBe("E FATAL 57P05");
    await kit.expectClean();
  });

  test("counts anew from each answer, and not while a query runs", async () => {
    const kit = await new SessionKit({ limits: { idleTimeoutMs: 1_000 } }).logIn();
    await kit.pass(900);
    await kit.say(QUERY);
    await kit.pass(5_000);
    await kit.answer(ROWS);
    await kit.pass(900);
    expect(errorsOf(kit)).toBe("");
    await kit.pass(200);
    expect(errorsOf(kit)).toBe("E FATAL 57P05");
    await kit.expectClean();
  });

  test("leaves a transaction to the other limit", async () => {
    const kit = await new SessionKit({ limits: { idleTimeoutMs: 1_000 } }).logIn();
    await kit.say(QUERY);
    await kit.answer(IN_TRANSACTION);
    await kit.pass(10_000);
    expect(errorsOf(kit)).toBe("");
    await kit.expectClean();
  });
});

describe("in the middle of a message", () => {
  const HALF = QUERY.subarray(0, 8);
  const limits = { idleTimeoutMs: 1_000, idleInTransactionTimeoutMs: 2_000 };

  test("a client that stops is idle", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.pass(900);
    await kit.say(HALF);
    await kit.pass(990);
    expect(errorsOf(kit)).toBe("");
    await kit.pass(20);
    expect(errorsOf(kit)).toBe("E FATAL 57P05");
    await kit.expectClean();
  });

  test("of a transaction, too", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.say(QUERY);
    await kit.answer(IN_TRANSACTION);
    await kit.say(HALF);
    await kit.pass(2_010);
    expect(errorsOf(kit)).toBe("E FATAL 25P03");
    await kit.expectClean();
  });

  test("a client that goes on is not", async () => {
    for (const hasHandler of [false, true]) {
      const kit = await new SessionKit({ limits }).logIn();
      if (hasHandler) kit.on("OnTrafficFromClient", () => undefined);
      for (let at = 0; at < QUERY.length; at++) {
        await kit.say(QUERY.subarray(at, at + 1));
        await kit.pass(900);
      }
      await kit.pass(60_000);
      expect(errorsOf(kit)).toBe("");
      await kit.answer(ROWS);
      expect(told(kit.heard.bytes)).toBe("T D C Z");
      await kit.expectClean();
    }
  });

  test("the server does not owe an answer yet", async () => {
    const kit = await new SessionKit({
      limits: { queryTimeoutMs: 1_000 },
      pool: { receiveTimeoutMs: 1_000 },
    }).logIn();
    await kit.say(HALF);
    await kit.pass(60_000);
    expect(errorsOf(kit)).toBe("");
    expect(kit.logger.count("Failed to send a cancel request to the server")).toBe(0);
    await kit.expectClean();
  });

  test("of a second query, the server owes the answer to the first", async () => {
    const kit = await new SessionKit({ pool: { receiveTimeoutMs: 1_000 } }).logIn();
    await kit.say(QUERY, HALF);
    await kit.pass(1_010);
    expect(errorsOf(kit)).toBe("E FATAL 08006");
    await kit.expectClean();
  });

  test("a client is not drained", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(HALF);
    kit.session.drain("ERR_SHUTTING_DOWN");
    await kit.say(QUERY.subarray(8));
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toBe("T D C Z E FATAL 57P01");
    await kit.expectClean();
  });
});

describe("while a handler takes its time", () => {
  async function withHeldHandler(hook: HookName, limits: Partial<SessionLimits>) {
    const kit = await new SessionKit({ limits }).logIn();
    let resume = (): void => {};
    kit.on(hook, () => new Promise<void>((resolve) => (resume = resolve)));
    const goOn = async (): Promise<void> => {
      resume();
      await settle();
    };
    return { kit, goOn };
  }

  test("with a request, the client is not idle", async () => {
    const { kit, goOn } = await withHeldHandler("OnTrafficFromClient", { idleTimeoutMs: 1_000 });
    await kit.pass(900);
    await kit.say(QUERY);
    await kit.pass(60_000);
    await goOn();
    await kit.answer(ROWS);
    expect(told(kit.heard.take())).toBe("T D C Z");
    await kit.pass(1_010);
    expect(errorsOf(kit)).toBe("E FATAL 57P05");
    await kit.expectClean();
  });

  test("with an answer, the client is idle only once it has the answer", async () => {
    const { kit, goOn } = await withHeldHandler("OnTrafficFromServer", { idleTimeoutMs: 1_000 });
    await kit.say(QUERY);
    await kit.answer(ROWS);
    await kit.pass(60_000);
    await goOn();
    expect(told(kit.heard.take())).toBe("T D C Z");
    await kit.pass(990);
    expect(errorsOf(kit)).toBe("");
    await kit.pass(20);
    expect(errorsOf(kit)).toBe("E FATAL 57P05");
    await kit.expectClean();
  });

  test("the time of the query has not begun", async () => {
    const { kit, goOn } = await withHeldHandler("OnTrafficFromClient", { queryTimeoutMs: 1_000 });
    await kit.say(QUERY);
    await kit.pass(60_000);
    await goOn();
    await kit.pass(900);
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toBe("T D C Z");
    await kit.expectClean();
  });
});

describe("the idle-in-transaction timeout", () => {
  const limits = { idleInTransactionTimeoutMs: 1_000 };
  const { parse, flush } = frontend;

  test.each([
    ["in a transaction", [QUERY], [IN_TRANSACTION]],
    [
      "in a failed transaction",
      [QUERY],
      [Buffer.concat([backend.error("42601"), backend.ready("E")])],
    ],
    ["in a batch without its Sync", [parse("select 1"), flush()], [backend.parseComplete()]],
    ["in a COPY", [QUERY], [backend.copyIn()]],
  ] as const)("ends a client that says nothing %s", async (_, requests, answers) => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.say(...requests);
    await kit.answer(...answers);
    await kit.pass(990);
    expect(errorsOf(kit).includes("FATAL")).toBe(false);
    await kit.pass(20);
    expect(errorsOf(kit)).toEndWith("E FATAL 25P03");
    await kit.expectClean();
  });

  test("goes on with each piece of a COPY", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.say(QUERY);
    await kit.answer(backend.copyIn());
    for (let piece = 0; piece < 5; piece++) {
      await kit.pass(900);
      await kit.say(frontend.copyData("1\n"));
    }
    expect(errorsOf(kit)).toBe("");
    await kit.say(frontend.copyDone());
    await kit.answer(backend.commandComplete("COPY 5"), backend.ready());
    await kit.pass(10_000);
    expect(errorsOf(kit)).toBe("");
    await kit.expectClean();
  });
});

describe("the query timeout", () => {
  const limits = { queryTimeoutMs: 1_000 };
  const cancelled = "Failed to send a cancel request to the server";

  /** Nobody listens where the request goes: that it was tried is in the log. */
  const whenCancelled = async (kit: SessionKit): Promise<void> => {
    while (kit.logger.count(cancelled) === 0) await settle();
  };

  test("cancels the query, whose own error ends it", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.say(QUERY);
    await kit.pass(1_010);
    await whenCancelled(kit);
    await kit.answer(backend.error("57014"), backend.ready());
    await kit.pass(60_000);
    expect(told(kit.heard.bytes)).toBe("E ERROR 57014 Z");
    expect(kit.logger.count(cancelled)).toBe(1);
    await kit.expectClean();
  });

  test("holds for work that a Flush asked for", async () => {
    const kit = await new SessionKit({
      limits: { ...limits, idleInTransactionTimeoutMs: 10 },
    }).logIn();
    await kit.say(
      frontend.parse("select 1"),
      frontend.bind(),
      frontend.execute(),
      frontend.flush(),
    );
    await kit.pass(1_010);
    await whenCancelled(kit);
    await kit.answer(backend.error("57014"));
    await kit.pass(20);
    expect(errorsOf(kit)).toBe("E ERROR 57014, E FATAL 25P03");
    await kit.expectClean();
  });

  test("holds back what follows until the request has hit its query", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.say(QUERY);
    await kit.pass(1_010);
    await whenCancelled(kit);
    const before = kit.backend.heard.byteLength;
    await kit.say(frontend.query("select 2"));
    expect(kit.backend.heard.byteLength).toBe(before);
    await kit.answer(backend.error("57014"), backend.ready());
    expect(told(kit.backend.heard.bytes.subarray(before))).toBe("Q");
    await kit.answer(backend.rows("2"));
    expect(kit.heard.bytes).toEqual(
      Buffer.concat([backend.error("57014"), backend.ready(), backend.rows("2")]),
    );
    await kit.expectClean();
  });

  test("ends the client when the cancelled query goes on", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.say(QUERY);
    await kit.pass(1_010);
    await whenCancelled(kit);
    await kit.pass(5_010);
    expect(errorsOf(kit)).toBe("E FATAL 57014");
    await kit.expectClean();
  });

  test("counts for each query of a pipeline from when it is its turn", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    await kit.say(QUERY, QUERY, QUERY);
    for (let query = 0; query < 3; query++) {
      await kit.pass(900);
      expect(kit.logger.count(cancelled)).toBe(0);
      await kit.answer(ROWS);
    }
    await kit.pass(60_000);
    expect(kit.logger.count(cancelled)).toBe(0);
    await kit.expectClean();
  });

  test("has one query at a time at the server, so that nothing else is cancelled", async () => {
    const kit = await new SessionKit({ limits: { ...limits, idleTimeoutMs: 1_000 } }).logIn();
    await kit.say(QUERY, frontend.query("select 2"));
    await kit.pass(1_010);
    expect(told(kit.backend.heard.take())).toBe("Q");
    // It ends by itself, while the request is still on its way.
    await kit.answer(ROWS);
    await whenCancelled(kit);
    await settle();
    expect(told(kit.backend.heard.take())).toBe("Q");
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toBe("T D C Z T D C Z");
    expect(kit.logger.count(cancelled)).toBe(1);
    await kit.expectClean();
  });

  test("keeps the order of a pipeline that a handler answers a part of", async () => {
    const kit = await new SessionKit({ limits }).logIn();
    kit.on("OnTrafficFromClient", ({ request }) =>
      request instanceof Uint8Array && Buffer.from(request).includes("forbidden")
        ? terminate({})
        : undefined,
    );
    await kit.say(QUERY, QUERY, frontend.query("forbidden"));
    await kit.answer(ROWS);
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toMatch(/^T D C Z T D C Z E ERROR \w+ Z$/);
    await kit.expectClean();
  });

  test("is not shortened or stretched by the login before it", async () => {
    const kit = new SessionKit({ limits: { ...limits, startupTimeoutMs: 60_000 } });
    await kit.logIn();
    await kit.say(QUERY);
    await kit.pass(1_010);
    await whenCancelled(kit);
    await kit.expectClean();
  });
});

describe("the limits on the server", () => {
  test("end a session whose server owes an answer and is silent", async () => {
    const kit = await new SessionKit({ pool: { receiveTimeoutMs: 1_000 } }).logIn();
    await kit.pass(60_000);
    await kit.say(QUERY);
    await kit.pass(900);
    await kit.answer(backend.rowDescription("x"));
    await kit.pass(900);
    expect(errorsOf(kit)).toBe("");
    await kit.pass(200);
    expect(errorsOf(kit)).toBe("E FATAL 08006");
    await kit.expectClean();
  });

  test.each(["receiveDeadlineMs", "sendDeadlineMs"])("end a session at its %s", async (key) => {
    const kit = await new SessionKit({ pool: { [key]: 5_000 } }).logIn();
    await kit.pass(4_900);
    expect(errorsOf(kit)).toBe("");
    await kit.pass(200);
    expect(errorsOf(kit)).toBe("E FATAL 08006");
    await kit.expectClean();
  });
});

describe("while the client does not read", () => {
  const ROW = backend.dataRow("1");
  const END = Buffer.concat([backend.commandComplete("SELECT 2"), backend.ready()]);

  /** The client stalls in the middle of an answer, the rest of which we do not read. */
  const stalled = async (kit: SessionKit, rest: Uint8Array): Promise<void> => {
    kit.gatewayEnd.isBlocked = true;
    await kit.answer(ROW);
    await kit.answer(rest);
  };
  const goOn = (kit: SessionKit): Promise<void> => {
    kit.gatewayEnd.isBlocked = false;
    return settle();
  };

  test("a server is not silent", async () => {
    const kit = await new SessionKit({ pool: { receiveTimeoutMs: 1_000 } }).logIn();
    await kit.say(QUERY);
    await stalled(kit, ROW);
    await kit.pass(60_000);
    await goOn(kit);
    await kit.answer(END);
    expect(told(kit.heard.bytes)).toBe("D D C Z");
    await kit.expectClean();
  });

  test("a server that has nothing to say afterwards is", async () => {
    const kit = await new SessionKit({ pool: { receiveTimeoutMs: 1_000 } }).logIn();
    await kit.say(QUERY);
    await stalled(kit, ROW);
    await kit.pass(60_000);
    await goOn(kit);
    await kit.pass(1_010);
    expect(errorsOf(kit)).toBe("E FATAL 08006");
    await kit.expectClean();
  });

  test("the time of a query stands still", async () => {
    const kit = await new SessionKit({ limits: { queryTimeoutMs: 1_000 } }).logIn();
    const tries = () => kit.logger.count("Failed to send a cancel request to the server");
    await kit.say(QUERY);
    await kit.pass(600);
    await stalled(kit, ROW);
    await kit.pass(60_000);
    await goOn(kit);
    await kit.pass(390);
    expect(tries()).toBe(0);
    await kit.pass(20);
    while (tries() === 0) await settle();
    await stalled(kit, Buffer.concat([backend.error("57014"), backend.ready()]));
    await kit.pass(60_000);
    await goOn(kit);
    expect(told(kit.heard.bytes)).toBe("D D D E ERROR 57014 Z");
    await kit.expectClean();
  });

  test("the answer to a client that has ended may take its time", async () => {
    for (const order of ["ended first", "stalled first"] as const) {
      const kit = await new SessionKit().logIn();
      kit.server.isStubborn = true;
      await kit.say(QUERY);
      if (order === "ended first") kit.client.shutdown();
      await stalled(kit, Buffer.concat([ROW, END]));
      if (order === "stalled first") kit.client.shutdown();
      await settle();
      await kit.pass(60_000);
      await goOn(kit);
      expect(told(kit.heard.bytes)).toBe("D D C Z");
      kit.server.isStubborn = false;
      kit.backend.connection.close();
      await kit.expectClean();
    }
  });
});

describe("draining", () => {
  const drained = async (kit: SessionKit): Promise<string> => {
    kit.session.drain("ERR_SHUTTING_DOWN");
    await settle();
    return errorsOf(kit);
  };
  const GOODBYE = "E FATAL 57P01";

  test("ends an idle client at once", async () => {
    const kit = await new SessionKit().logIn();
    expect(await drained(kit)).toBe(GOODBYE);
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("waits for the end of the query, in the middle of a message too", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(QUERY);
    for (let at = 0; at < ROWS.length; at++) {
      if (at === 7) kit.session.drain("ERR_SHUTTING_DOWN");
      expect(kit.heard.text.includes("57P01")).toBe(false);
      await kit.answer(ROWS.subarray(at, at + 1));
    }
    expect(told(kit.heard.bytes)).toBe(`T D C Z ${GOODBYE}`);
    await kit.expectClean();
  });

  test("waits for the end of the transaction", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(QUERY);
    await kit.answer(IN_TRANSACTION);
    expect(await drained(kit)).toBe("");
    await kit.say(QUERY);
    await kit.answer(backend.commandComplete("COMMIT"), backend.ready());
    expect(errorsOf(kit)).toBe(GOODBYE);
    await kit.expectClean();
  });

  test("waits for all queries of a pipeline", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(QUERY, QUERY);
    await kit.answer(ROWS);
    expect(await drained(kit)).toBe("");
    await kit.answer(ROWS);
    expect(errorsOf(kit)).toBe(GOODBYE);
    await kit.expectClean();
  });

  test("refuses a client that has not begun, in answer to its StartupMessage", async () => {
    const kit = await new SessionKit().start();
    expect(await drained(kit)).toBe("");
    await kit.say(opening.startup());
    expect(errorsOf(kit)).toBe(GOODBYE);
    await kit.expectClean();
  });

  test("refuses a client that waits in the queue", async () => {
    const kit = new SessionKit();
    kit.session.start();
    await kit.say(opening.startup());
    expect(await drained(kit)).toBe(GOODBYE);
    await kit.expectClean();
  });

  test("is cut short when the gateway can wait no longer", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(QUERY);
    await kit.answer(ROWS.subarray(0, 5));
    kit.session.cut("ERR_SHUTTING_DOWN");
    await settle();
    expect(kit.heard.bytes).toEqual(ROWS.subarray(0, 5));
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });
});
