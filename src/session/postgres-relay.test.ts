import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { KEY, SessionKit, told } from "../../tests/fixtures/session.ts";
import {
  anySplit,
  backend,
  everySplit,
  frontend,
  message,
} from "../../tests/fixtures/wire/index.ts";

const { query, parse, bind, execute, sync } = frontend;
const QUERY = query("select 1");
const BATCH = Buffer.concat([parse("select 1"), bind(), execute(), sync()]);
const ROWS = backend.rows("1", "2");

/** Lets a client and a server talk, chunk by chunk, in turns. */
async function talk(
  kit: SessionKit,
  requests: readonly Uint8Array[],
  answers: readonly Uint8Array[],
): Promise<void> {
  for (let index = 0; index < Math.max(requests.length, answers.length); index++) {
    const [request, answer] = [requests[index], answers[index]];
    if (request !== undefined) kit.client.write(request);
    if (answer !== undefined) kit.backend.connection.write(answer);
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
  }
  await settle();
}

describe("the relay", () => {
  const requests = Buffer.concat([QUERY, BATCH, frontend.functionCall(7)]);
  const answers = Buffer.concat([
    ROWS,
    backend.parseComplete(),
    backend.bindComplete(),
    backend.dataRow("1"),
    backend.commandComplete("SELECT 1"),
    backend.ready(),
    message("V", new Uint8Array(4)),
    backend.notice("done"),
    backend.ready(),
  ]);

  test("changes no byte, wherever the streams are split", async () => {
    const kit = await new SessionKit().logIn();
    for (const chunks of everySplit(requests)) {
      await talk(kit, chunks, []);
      expect(kit.backend.heard.take()).toEqual(requests);
      await kit.answer(answers);
      expect(kit.heard.take()).toEqual(answers);
    }
    for (const chunks of everySplit(answers)) {
      await kit.say(requests);
      await talk(kit, [], chunks);
      expect(kit.heard.take()).toEqual(answers);
    }
    await kit.expectClean();
  });

  test("changes no byte, however both streams are cut up and interleaved", async () => {
    const kit = await new SessionKit().logIn();
    kit.backend.heard.take();
    await fc.assert(
      fc.asyncProperty(anySplit(requests), anySplit(answers), async (some, others) => {
        kit.backend.heard.take();
        await talk(kit, some, others);
        expect(kit.backend.heard.bytes).toEqual(requests);
        expect(kit.heard.take()).toEqual(answers);
      }),
      { numRuns: 50 },
    );
    await kit.expectClean();
  });

  test("does not read from a server whose client does not read", async () => {
    const kit = await new SessionKit().logIn();
    const row = backend.dataRow("x".repeat(64 * 1024));
    await kit.say(QUERY);
    kit.gatewayEnd.isBlocked = true;
    for (let index = 0; index < 10; index++) await kit.answer(row);
    expect(kit.gatewayEnd.backlogBytes).toBe(row.length);
    kit.gatewayEnd.isBlocked = false;
    await kit.answer(backend.ready());
    expect(kit.heard.byteLength).toBe(10 * row.length + backend.ready().length);
    await kit.expectClean();
  });

  test("does not read from a client whose server does not read", async () => {
    const kit = await new SessionKit().logIn();
    const { gatewayEnd, heard } = kit.backend;
    gatewayEnd.isBlocked = true;
    for (let index = 0; index < 10; index++) await kit.say(QUERY);
    expect(gatewayEnd.backlogBytes).toBe(QUERY.length);
    gatewayEnd.isBlocked = false;
    await settle();
    expect(heard.byteLength).toBe(10 * QUERY.length);
    await kit.expectClean();
  });

  test.each([
    ["an unknown message", message("T"), "08P01"],
    ["a message that is too long", query("x".repeat(2_000_000)), "54000"],
    ["a length below 4", Uint8Array.of(0x51, 0, 0, 0, 1), "08P01"],
  ])("ends a client that sends %s", async (_, bytes, sqlState) => {
    const kit = await new SessionKit().logIn();
    await kit.say(bytes);
    expect(told(kit.heard.bytes)).toBe(`E FATAL ${sqlState}`);
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("stops reading from a client with too many unanswered requests", async () => {
    const kit = await new SessionKit({ limits: { maxPendingUnits: 10 } }).logIn();
    for (let index = 0; index < 30; index++) await kit.say(QUERY);
    expect(kit.backend.heard.byteLength).toBe(11 * QUERY.length);
    for (let index = 0; index < 5; index++) await kit.answer(ROWS);
    expect(kit.backend.heard.byteLength).toBe(11 * QUERY.length);
    await kit.answer(ROWS);
    expect(kit.backend.heard.byteLength).toBeGreaterThan(11 * QUERY.length);
    for (let index = 0; index < 24; index++) await kit.answer(ROWS);
    expect(kit.backend.heard.byteLength).toBe(30 * QUERY.length);
    expect(kit.heard.byteLength).toBe(30 * ROWS.length);
    await kit.expectClean();
  });

  test("lets a COPY have its data, however few requests may be unanswered", async () => {
    const kit = await new SessionKit({ limits: { maxPendingUnits: 1 } }).logIn();
    await kit.say(Buffer.concat([QUERY, query("copy t from stdin")]));
    await kit.answer(ROWS, backend.copyIn());
    kit.backend.heard.take();
    await kit.say(frontend.copyData("1\n"), frontend.copyDone());
    expect(told(kit.backend.heard.bytes)).toBe("d c");
    await kit.answer(backend.commandComplete("COPY 1"), backend.ready());
    await kit.expectClean();
  });

  test("leaves nothing behind when it ends in the middle of an answer", async () => {
    const kit = await new SessionKit({ limits: { idleTimeoutMs: 1_000_000 } }).logIn();
    kit.on("OnTrafficFromServer", () => undefined);
    await kit.say(QUERY);
    kit.session.drain("ERR_SHUTTING_DOWN");
    await kit.answer(ROWS);
    await kit.expectClean();
  });

  test("makes its client cancellable by the key of its login, until it ends", async () => {
    const kit = await new SessionKit().logIn();
    expect(kit.cancelKeys.find(KEY)).toBeDefined();
    await kit.expectClean();
    expect(kit.cancelKeys.find(KEY)).toBeUndefined();
  });
});

describe("a cancel request", () => {
  test("releases whatever the client sent meanwhile, and judges it as ever", async () => {
    for (const bytes of [message("T"), query("x".repeat(2_000_000))]) {
      const kit = await new SessionKit().logIn();
      await kit.say(QUERY);
      const cancelled = kit.cancelKeys.find(KEY)?.cancel();
      kit.client.write(bytes);
      kit.backend.connection.write(ROWS);
      await cancelled;
      await settle();
      expect(told(kit.heard.bytes)).toMatch(/^T D D C Z E FATAL (?:08P01|54000)$/);
      await kit.expectClean();
    }
  });

  test("lets the client end the COPY it is meant for", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(query("copy t from stdin"));
    await kit.answer(backend.copyIn());
    await kit.cancelKeys.find(KEY)?.cancel();
    kit.backend.heard.take();
    await kit.say(frontend.copyData("1\n"), frontend.copyFail());
    expect(told(kit.backend.heard.bytes)).toBe("d f");
    await kit.answer(backend.error("57014"), backend.ready());
    await kit.say(QUERY);
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toBe("G E ERROR 57014 Z T D D C Z");
    await kit.expectClean();
  });

  test("in the middle of a message lets the rest through", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(QUERY.subarray(0, 9));
    await kit.cancelKeys.find(KEY)?.cancel();
    await kit.say(QUERY.subarray(9));
    expect(kit.backend.heard.bytes).toEqual(QUERY);
    await kit.answer(ROWS);
    await kit.expectClean();
  });

  test("is passed on for a batch that no answer has been asked of", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(parse("select pg_sleep(300)"), bind(), execute());
    const cancelled = kit.cancelKeys.find(KEY)?.cancel();
    await kit.say(sync());
    await cancelled;
    expect(kit.logger.count("Failed to send a cancel request to the server")).toBe(1);
    expect(told(kit.backend.heard.bytes)).toBe("P B E S");
    await kit.answer(backend.error("57014"), backend.ready());
    await kit.expectClean();
  });

  test("lets what it holds reach the server before the end of a client that has left", async () => {
    const kit = await new SessionKit().logIn();
    kit.server.isStubborn = true;
    await kit.say(QUERY);
    const cancelled = kit.cancelKeys.find(KEY)?.cancel();
    kit.client.write(query("select 2"));
    kit.client.shutdown();
    await cancelled;
    await settle();
    expect(kit.backend.heard.hasEnded).toBe(false);
    await kit.answer(backend.error("57014"), backend.ready());
    expect([told(kit.backend.heard.bytes), kit.backend.heard.hasEnded]).toEqual(["Q Q", true]);
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toBe("E ERROR 57014 Z T D D C Z");
    kit.server.isStubborn = false;
    kit.backend.connection.close();
    await kit.expectClean();
  });

  test("holds for a client that has left also what a handler gives back late", async () => {
    const kit = await new SessionKit().logIn();
    kit.server.isStubborn = true;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    await kit.say(QUERY);
    kit.on("OnTrafficFromClient", () => promise);
    await kit.say(query("select 2"));
    kit.client.shutdown();
    await settle();
    const cancelled = kit.cancelKeys.find(KEY)?.cancel();
    resolve(undefined);
    for (let turn = 0; turn < 6; turn++) await Promise.resolve();
    await cancelled;
    await kit.answer(backend.error("57014"), backend.ready());
    expect([told(kit.backend.heard.bytes), kit.backend.heard.hasEnded]).toEqual(["Q Q", true]);
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toBe("E ERROR 57014 Z T D D C Z");
    kit.server.isStubborn = false;
    kit.backend.connection.close();
    await kit.expectClean();
  });

  test("lets no handler in while it holds half a message", async () => {
    const kit = await new SessionKit().logIn();
    const next = query("select 'two'");
    await kit.say(QUERY);
    const cancelled = kit.cancelKeys.find(KEY)?.cancel();
    kit.client.write(next.subarray(0, 8));
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    kit.on("OnTrafficFromClient", () => undefined);
    kit.backend.connection.write(Buffer.concat([backend.error("57014"), backend.ready()]));
    await cancelled;
    await settle();
    await kit.say(next.subarray(8));
    expect(kit.backend.heard.bytes).toEqual(Buffer.concat([QUERY, next]));
    await kit.answer(ROWS);
    await kit.expectClean();
  });
});

describe("a server that is lost", () => {
  const lost = (kit: SessionKit) => {
    kit.backend.connection.close();
    return settle();
  };

  test("between two messages is reported", async () => {
    const kit = await new SessionKit().logIn();
    await lost(kit);
    expect(told(kit.heard.bytes)).toBe("E FATAL 08006");
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("in the middle of an answer is reported behind the last whole message", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(QUERY);
    await kit.answer(backend.rowDescription("x"), backend.dataRow("1"));
    await lost(kit);
    expect(told(kit.heard.bytes)).toBe("T D E FATAL 08006");
    await kit.expectClean();
  });

  test("in the middle of a message is not: nothing is put into it", async () => {
    const kit = await new SessionKit().logIn();
    await kit.say(QUERY);
    const half = ROWS.subarray(0, ROWS.length - 3);
    await kit.answer(half);
    await lost(kit);
    expect(kit.heard.bytes).toEqual(half);
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("after it has said why is not reported again", async () => {
    const kit = await new SessionKit().logIn();
    const reason = backend.error("57P01", "FATAL");
    await kit.answer(reason);
    await lost(kit);
    expect(kit.heard.bytes).toEqual(reason);
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("by a reset is reported, too", async () => {
    const kit = await new SessionKit().logIn();
    kit.backend.connection.terminate();
    await settle();
    expect(told(kit.heard.bytes)).toBe("E FATAL 08006");
    await kit.expectClean();
  });
});

describe("a client that leaves", () => {
  test("in good order takes its backend along", async () => {
    const kit = await new SessionKit().logIn();
    const first = kit.backend;
    await kit.say(frontend.terminate());
    kit.client.close();
    await settle();
    expect(first.heard.text).toBe(frontend.terminate().toString("latin1"));
    expect(first.connection.isOpen).toBe(false);
    expect(kit.endings).toBe(1);
    await kit.expectClean();
  });

  test("without a word takes its backend along", async () => {
    const kit = await new SessionKit().logIn();
    const first = kit.backend;
    kit.client.terminate();
    await settle();
    expect(first.connection.isOpen).toBe(false);
    expect(kit.endings).toBe(1);
    await kit.expectClean();
  });

  test("by halves still gets the answer it waits for", async () => {
    const kit = await new SessionKit().logIn();
    kit.server.isStubborn = true;
    await kit.say(QUERY);
    kit.client.shutdown();
    await settle();
    await kit.answer(ROWS);
    expect(kit.heard.bytes).toEqual(ROWS);
    kit.server.isStubborn = false;
    kit.backend.connection.close();
    await kit.expectClean();
  });

  test.each<[string, "terminate" | "close", boolean]>([
    ["lost", "terminate", false],
    ["lost after its goodbye", "terminate", true],
    ["gone without a goodbye", "close", false],
  ])("during a query has it cancelled: %s", async (_, leave, hasGoodbye) => {
    const kit = await new SessionKit().logIn();
    kit.server.isStubborn = true;
    await kit.say(QUERY);
    if (hasGoodbye) await kit.say(frontend.terminate());
    // The request goes over a socket, to a port where nobody listens: the attempt is logged.
    kit.client[leave]();
    await settle();
    await kit.pass(510);
    while (kit.logger.count("Failed to send a cancel request to the server") === 0) await settle();
    kit.server.isStubborn = false;
    kit.backend.connection.close();
    await kit.expectClean();
  });

  test("with a goodbye behind its query has that finished", async () => {
    const kit = await new SessionKit().logIn();
    kit.server.isStubborn = true;
    await kit.say(QUERY);
    await kit.say(frontend.terminate());
    kit.client.shutdown();
    await settle();
    await kit.pass(60_000);
    expect(kit.endings).toBe(0);
    await kit.answer(ROWS);
    expect(kit.heard.bytes).toEqual(ROWS);
    kit.server.isStubborn = false;
    kit.backend.connection.close();
    await settle();
    expect(kit.endings).toBe(1);
    await kit.expectClean();
  });
});
