import { describe, expect, test } from "bun:test";
import { SPEEDS, bytesIn, terminateIf } from "../../tests/fixtures/handlers.ts";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { KEY, SessionKit, told } from "../../tests/fixtures/session.ts";
import { backend, frontend, message, opening } from "../../tests/fixtures/wire/index.ts";
import { terminate } from "../hooks/index.ts";

const { query, parse, bind, execute, sync, flush, copyData, copyDone } = frontend;
const FORBIDDEN = parse("forbidden");
const REST = [bind(), execute(), sync()];
const ERROR = backend.error("42501");
const REFUSAL = Buffer.concat([ERROR, backend.ready()]);

/** A client that is logged in, and its next query, which must get its own answer and nothing else. */
class Talk extends SessionKit {
  async expectInStep(): Promise<void> {
    this.heard.take();
    this.backend.heard.take();
    await this.say(query("select 1"));
    expect(told(this.backend.heard.bytes)).toBe("Q");
    await this.answer(backend.rows("1"));
    expect(told(this.heard.bytes)).toBe("T D C Z");
    expect(this.handlerErrors).toEqual([]);
    await this.expectClean();
  }
}

describe.each(Object.entries(SPEEDS))("after a handler that answers %s has terminated", (_, at) => {
  describe.each([
    ["without a response", undefined],
    ["with a response", REFUSAL],
    ["with a response that lacks its end", ERROR],
  ] as const)("a request %s", (_, response) => {
    const code = response === undefined ? "42000" : "42501";

    async function talk(): Promise<Talk> {
      const kit = await new Talk().logIn();
      kit.on("OnTrafficFromClient", at(terminateIf("forbidden", response)));
      return kit;
    }

    test("a batch handed on in parts is asked for its answers and ended", async () => {
      const kit = await talk();
      const large = message("B", "", "", new Uint8Array(6), "y".repeat(700_000));
      await kit.say(parse("insert"), large, large, large);
      await kit.say(FORBIDDEN, sync());
      expect(told(kit.backend.heard.bytes)).toBe("P B B H");
      expect(kit.heard.text).toBe("");
      await kit.answer(backend.parseComplete(), backend.bindComplete(), backend.bindComplete());
      expect(told(kit.backend.heard.bytes)).toBe("P B B H E S");
      await kit.answer(backend.error("34000"), backend.ready());
      expect(told(kit.heard.bytes)).toBe(`1 2 2 E ERROR ${code} Z`);
      await kit.expectInStep();
    });

    test("a batch that the server has failed meanwhile gets no other error", async () => {
      const kit = await talk();
      await kit.say(parse("wrong"), flush());
      await kit.say(FORBIDDEN, flush());
      await kit.answer(backend.error("42601"));
      await kit.say(FORBIDDEN, sync());
      expect(told(kit.backend.heard.bytes)).toEndWith("S");
      await kit.answer(backend.ready());
      expect(told(kit.heard.bytes)).toBe("E ERROR 42601 Z");
      await kit.expectInStep();
    });

    test("the rest of a batch is dropped, and no second end comes", async () => {
      const kit = await talk();
      await kit.say(FORBIDDEN, flush());
      await kit.say(...REST);
      expect(kit.backend.heard.text).toBe("");
      expect(told(kit.heard.bytes)).toBe(`E ERROR ${code} Z`);
      await kit.expectInStep();
    });

    test("the rest of a batch that has begun is dropped, and ended at the server too", async () => {
      const kit = await talk();
      await kit.say(parse("select 1"), flush());
      await kit.answer(backend.parseComplete());
      await kit.say(FORBIDDEN, flush());
      await kit.say(...REST);
      expect(told(kit.backend.heard.bytes)).toBe("P H E S");
      await kit.answer(backend.error("34000"), backend.ready());
      expect(told(kit.heard.bytes)).toBe(`1 E ERROR ${code} Z`);
      await kit.expectInStep();
    });

    test("COPY data ends its COPY once, also with more data on the way", async () => {
      const kit = await talk();
      await kit.say(query("copy t from stdin"));
      await kit.answer(backend.copyIn());
      await kit.say(copyData("forbidden\n"), copyData("forbidden\n"));
      expect(told(kit.backend.heard.bytes)).toBe("Q f");
      await kit.answer(backend.error("57014"), backend.ready());
      await kit.say(copyData("forbidden\n"), copyDone());
      const expected = response === undefined ? "57014" : code;
      expect(told(kit.heard.bytes)).toBe(`G E ERROR ${expected} Z`);
      await kit.expectInStep();
    });

    test("COPY data sent ahead waits for the answers before it", async () => {
      const kit = await talk();
      await kit.say(query("select 1"), query("copy t from stdin"), copyData("forbidden"));
      expect(told(kit.backend.heard.bytes)).toBe("Q Q");
      await kit.answer(backend.rows("1"), backend.copyIn());
      expect(told(kit.backend.heard.bytes)).toBe("Q Q f");
      await kit.answer(backend.error("57014"), backend.ready());
      const expected = response === undefined ? "57014" : code;
      expect(told(kit.heard.bytes)).toBe(`T D C Z G E ERROR ${expected} Z`);
      await kit.expectInStep();
    });

    test("COPY data of an extended COPY leaves the client its Sync", async () => {
      const kit = await talk();
      await kit.say(parse("copy t from stdin"), bind(), execute(), sync());
      await kit.answer(backend.parseComplete(), backend.bindComplete(), backend.copyIn());
      await kit.say(copyData("forbidden"), copyDone(), sync());
      await settle();
      expect(told(kit.backend.heard.bytes)).toStartWith("P B E S f");
      expect(told(kit.backend.heard.bytes)).toEndWith("S");
      await kit.answer(backend.error("57014"), backend.ready());
      const expected = response === undefined ? "57014" : code;
      expect(told(kit.heard.bytes)).toBe(`1 2 G E ERROR ${expected} Z`);
      await kit.expectInStep();
    });

    test("anything else that comes while a COPY is fed fails the COPY", async () => {
      const kit = await talk();
      await kit.say(query("copy t from stdin"), query("forbidden"));
      await kit.answer(backend.copyIn());
      expect(told(kit.backend.heard.bytes)).toBe("Q f");
      await kit.answer(backend.error("57014"), backend.ready());
      const expected = response === undefined ? "57014" : code;
      expect(told(kit.heard.bytes)).toBe(`G E ERROR ${expected} Z`);
      await kit.expectInStep();
    });

    test("a Query behind an open batch ends that batch", async () => {
      const kit = await talk();
      await kit.say(parse("select 1"), query("forbidden"));
      expect(told(kit.backend.heard.bytes)).toBe("P H");
      await kit.answer(backend.parseComplete());
      expect(told(kit.backend.heard.bytes)).toBe("P H E S");
      await kit.answer(backend.error("34000"), backend.ready());
      expect(told(kit.heard.bytes)).toBe(`1 E ERROR ${code} Z`);
      await kit.expectInStep();
    });

    test("a Query in a failed batch is void, as it is to the server", async () => {
      const kit = await talk();
      await kit.say(parse("wrong"), flush());
      await kit.answer(backend.error("42601"));
      await kit.say(query("forbidden"), sync());
      await kit.answer(backend.ready());
      expect(told(kit.heard.bytes)).toBe("E ERROR 42601 Z");
      await kit.expectInStep();
    });

    test("a request is refused only behind the whole of the answer before it", async () => {
      const kit = await talk();
      await kit.say(parse("select 1"), flush());
      await kit.say(FORBIDDEN, sync());
      const complete = backend.commandComplete("SELECT 1");
      await kit.answer(backend.notice("soon"), backend.parseComplete());
      kit.heard.take();
      await kit.answer(backend.ready());
      await kit.say(parse("select 1"), bind(), execute(), flush());
      await kit.say(FORBIDDEN, sync());
      await kit.answer(backend.parseComplete(), backend.bindComplete(), complete.subarray(0, 7));
      await kit.pass(20);
      await kit.answer(complete.subarray(7));
      await kit.answer(backend.ready());
      expect(told(kit.heard.bytes)).toEndWith(`1 2 C E ERROR ${code} Z`);
      await kit.expectInStep();
    });
  });

  test.each([
    ["a Query", query("forbidden")],
    ["a batch", Buffer.concat([FORBIDDEN, sync()])],
    ["a batch in parts", Buffer.concat([FORBIDDEN, flush(), bind(), sync()])],
  ])("%s behind others, the client is told the status that they have left", async (_, request) => {
    const kit = await new Talk().logIn();
    // It was right when the handler answered.
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden", REFUSAL)));
    await kit.say(query("begin"), request);
    const begun = [backend.commandComplete("BEGIN"), backend.ready("T")];
    await kit.answer(...begun);
    expect(kit.heard.bytes).toEqual(Buffer.concat([...begun, ERROR, backend.ready("T")]));
    await kit.expectInStep();
  });

  test("COPY data in a transaction, the client is told the status that the server has then", async () => {
    const kit = await new Talk().logIn();
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden", REFUSAL)));
    await kit.say(query("copy t from stdin"));
    await kit.answer(backend.copyIn());
    await kit.say(copyData("forbidden"));
    await kit.answer(backend.error("57014"), backend.ready("E"));
    expect(kit.heard.bytes).toEqual(Buffer.concat([backend.copyIn(), ERROR, backend.ready("E")]));
    await kit.expectInStep();
  });

  test.each([query("forbidden"), Buffer.concat([FORBIDDEN, ...REST])])(
    "a request with a FATAL error, the connection ends as the client expects",
    async (request) => {
      const kit = await new Talk().logIn();
      const fatal = backend.error("57P01", "FATAL");
      kit.on("OnTrafficFromClient", at(terminateIf("forbidden", fatal)));
      await kit.say(query("select 1"), request);
      const rows = backend.rows("1");
      await kit.answer(rows);
      expect(kit.heard.bytes).toEqual(Buffer.concat([rows, fatal]));
      expect(kit.heard.hasEnded || kit.heard.hasClosed).toBe(true);
      await kit.expectClean();
    },
  );

  test("a message outside any cycle, the next answer is whole", async () => {
    const kit = await new Talk().logIn();
    kit.on("OnTrafficFromServer", at(terminateIf("secret", undefined, "response")));
    await kit.answer(backend.notice("secret"));
    await kit.pass(50);
    expect(kit.heard.text).toBe("");
    await kit.expectInStep();
  });

  test("a message outside any cycle with a response, that is all there is of it", async () => {
    const kit = await new Talk().logIn();
    const other = backend.notice("other");
    kit.on("OnTrafficFromServer", at(terminateIf("secret", other, "response")));
    await kit.answer(backend.notice("secret"));
    expect(kit.heard.bytes).toEqual(other);
    await kit.expectInStep();
  });

  test.each([
    ["the request for COPY data", "t from stdin"],
    ["what comes before the request for COPY data", "secret"],
  ])("%s, the COPY is failed, which nobody would feed", async (_, word) => {
    const kit = await new Talk().logIn();
    kit.on(
      "OnTrafficFromServer",
      at((payload) => {
        const seen = Buffer.concat([bytesIn(payload, "request"), bytesIn(payload, "response")]);
        const handler = terminateIf(word);
        return handler({ ...payload, request: seen });
      }),
    );
    await kit.say(query("copy t from stdin"));
    await kit.answer(backend.notice("secret"));
    await kit.pass(50);
    await kit.answer(backend.copyIn());
    expect(told(kit.backend.heard.bytes)).toBe("Q f");
    await kit.answer(backend.error("57014"), backend.ready());
    expect(told(kit.heard.bytes)).toBe("E ERROR 42000 Z");
    await kit.expectInStep();
  });
});

test("a startup terminated late for a backend that is lost is answered for the next one alone", async () => {
  const kit = new SessionKit({ pool: { size: 2, retries: 3 } });
  await kit.fill();
  const waiting: (() => void)[] = [];
  const refusal = terminate({ response: backend.error("28000", "FATAL") });
  kit.on("OnTrafficFromClient", async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return refusal;
  });
  kit.session.start();
  await settle();
  await kit.say(opening.startup());
  expect(waiting).toHaveLength(1);
  kit.backend.connection.close();
  await kit.pass(10);
  expect(waiting).toHaveLength(2);
  for (const goOn of waiting) {
    goOn();
    await settle();
  }
  expect(told(kit.heard.bytes)).toBe("E FATAL 28000");
  await kit.expectClean();
});

test("a terminated request waits for the one before it that a cancel request holds back", async () => {
  const kit = await new Talk().logIn();
  kit.on("OnTrafficFromClient", terminateIf("forbidden"));
  await kit.say(query("first"));
  const cancelled = kit.cancelKeys.find(KEY)?.cancel();
  kit.client.write(Buffer.concat([query("second"), query("forbidden")]));
  kit.backend.connection.write(Buffer.concat([backend.error("57014"), backend.ready()]));
  // Microtasks alone carry all this: the cancel request has not left yet.
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(told(kit.heard.bytes)).toBe("E ERROR 57014 Z");
  await cancelled;
  await settle();
  expect(told(kit.backend.heard.bytes)).toBe("Q Q");
  await kit.answer(backend.rows("2"));
  expect(told(kit.heard.bytes)).toBe("E ERROR 57014 Z T D C Z E ERROR 42000 Z");
  await kit.expectInStep();
});
