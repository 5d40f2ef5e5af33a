import { describe, expect, spyOn, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { SPEEDS, bytesIn, terminateIf } from "../../tests/fixtures/handlers.ts";
import { LOGIN, SessionKit, told } from "../../tests/fixtures/session.ts";
import {
  backend,
  everySplit,
  frontend,
  message,
  opening,
} from "../../tests/fixtures/wire/index.ts";
import { terminate } from "../hooks/index.ts";
import type { HookHandler, HookName } from "../hooks/index.ts";

const { query, parse, bind, execute, sync, flush } = frontend;
const QUERY = query("select 1");
const BATCH = Buffer.concat([parse("select 1"), bind(), execute(), sync()]);
const ROWS = backend.rows("1");
const BATCH_ROWS = Buffer.concat([
  backend.parseComplete(),
  backend.bindComplete(),
  backend.dataRow("1"),
  backend.commandComplete("SELECT 1"),
  backend.ready(),
]);

const HOOKS = [
  "OnTrafficFromClient",
  "OnTrafficToServer",
  "OnTrafficFromServer",
  "OnTrafficToClient",
] as const satisfies readonly HookName[];

describe.each(Object.entries(SPEEDS))("traffic through handlers that answer %s", (_, at) => {
  test("comes out as it went in, wherever it is split", async () => {
    const kit = await new SessionKit().logIn();
    for (const hook of HOOKS)
      kit.on(
        hook,
        at((payload) => payload),
      );
    const requests = Buffer.concat([QUERY, BATCH]);
    const answers = Buffer.concat([ROWS, BATCH_ROWS]);
    for (const chunks of everySplit(requests)) {
      await kit.say(...chunks);
      expect(kit.backend.heard.take()).toEqual(requests);
      await kit.answer(answers);
      expect(kit.heard.take()).toEqual(answers);
    }
    for (const chunks of everySplit(answers)) {
      await kit.say(requests);
      await kit.answer(...chunks);
      await kit.pass(20);
      expect(kit.heard.take()).toEqual(answers);
    }
    expect(kit.handlerErrors).toEqual([]);
    await kit.expectClean();
  });

  test("goes through the four hooks in order, whole, with request and response", async () => {
    const kit = await new SessionKit().logIn();
    const seen: string[] = [];
    for (const hook of HOOKS) {
      const note: HookHandler = (payload) => {
        const response =
          payload["response"] === undefined ? "" : told(bytesIn(payload, "response"));
        seen.push(`${hook}: ${told(bytesIn(payload, "request"))} > ${response}`);
      };
      kit.on(hook, at(note));
    }
    await kit.say(QUERY, BATCH);
    await kit.answer(ROWS, BATCH_ROWS);
    await settle();
    const ofQuery = seen.filter((line) => line.includes(": Q"));
    const ofBatch = seen.filter((line) => line.includes(": P"));
    expect(ofQuery).toEqual([
      "OnTrafficFromClient: Q > ",
      "OnTrafficToServer: Q > ",
      "OnTrafficFromServer: Q > T D C Z",
      "OnTrafficToClient: Q > T D C Z",
    ]);
    expect(ofBatch).toEqual([
      "OnTrafficFromClient: P B E S > ",
      "OnTrafficToServer: P B E S > ",
      "OnTrafficFromServer: P B E S > 1 2 D C Z",
      "OnTrafficToClient: P B E S > 1 2 D C Z",
    ]);
    await kit.expectClean();
  });

  test("is rewritten both ways", async () => {
    const kit = await new SessionKit().logIn();
    kit.on(
      "OnTrafficFromClient",
      at(() => ({ request: query("select 2, 3") })),
    );
    kit.on(
      "OnTrafficFromServer",
      at(() => ({ response: backend.rows("other") })),
    );
    await kit.say(QUERY);
    expect(kit.backend.heard.bytes).toEqual(query("select 2, 3"));
    await kit.answer(ROWS);
    expect(kit.heard.bytes).toEqual(backend.rows("other"));
    await kit.expectClean();
  });

  test("is ended where a handler leaves nothing of it, but for COPY data", async () => {
    const kit = await new SessionKit().logIn();
    kit.on(
      "OnTrafficFromClient",
      at((payload) => {
        const isEmptied = bytesIn(payload, "request").includes("emptied");
        return isEmptied ? { request: new Uint8Array(0) } : undefined;
      }),
    );
    await kit.say(query("emptied"), Buffer.concat([parse("emptied"), bind(), execute(), sync()]));
    expect(told(kit.heard.take())).toBe("E ERROR 42000 Z E ERROR 42000 Z");
    await kit.say(query("copy t from stdin"));
    await kit.answer(backend.copyIn());
    for (const line of ["one", "emptied", "two"]) await kit.say(frontend.copyData(line));
    await kit.say(frontend.copyDone());
    expect(told(kit.backend.heard.bytes)).toBe("Q d d c");
    await kit.answer(backend.commandComplete("COPY 2"), backend.ready());
    expect(told(kit.heard.bytes)).toBe("G C Z");
    await kit.expectClean();
  });

  test("includes the startup and the steps of the login", async () => {
    const kit = new SessionKit();
    const seen: string[] = [];
    kit.on(
      "OnTrafficFromServer",
      at((payload) => {
        const request = bytesIn(payload, "request");
        const name = request[0] === 0 ? "startup" : told(request);
        seen.push(`${name} > ${told(bytesIn(payload, "response"))}`);
      }),
    );
    await kit.start();
    await kit.say(opening.startup());
    await kit.answer(backend.authentication(5, new Uint8Array(4)));
    await kit.say(frontend.password("md5x"));
    await kit.answer(LOGIN);
    expect(kit.backend.heard.bytes).toEqual(
      Buffer.concat([opening.startup(), frontend.password("md5x")]),
    );
    expect(seen).toEqual(["startup > R", "p > R K Z"]);
    await kit.expectClean();
  });

  test("is answered by a handler in its place, without the server", async () => {
    const kit = await new SessionKit().logIn();
    kit.on("OnTrafficFromClient", at(terminateIf("cached", backend.rows("cached"))));
    await kit.say(QUERY, query("cached"), query("select 3"));
    expect(kit.backend.heard.bytes).toEqual(QUERY);
    await kit.answer(ROWS);
    expect(kit.heard.take()).toEqual(Buffer.concat([ROWS, backend.rows("cached")]));
    expect(kit.backend.heard.bytes).toEqual(Buffer.concat([QUERY, query("select 3")]));
    await kit.answer(backend.rows("3"));
    expect(kit.heard.bytes).toEqual(backend.rows("3"));
    await kit.expectClean();
  });

  const open = [parse("select 1"), flush()];
  const TERMINATIONS: Readonly<
    Record<string, readonly [Uint8Array[], forServer: string, forClient: string]>
  > = {
    "a query": [[query("forbidden")], "", "E ERROR 42000 Z"],
    "a batch": [
      [Buffer.concat([parse("forbidden"), bind(), execute(), sync()])],
      "",
      "E ERROR 42000 Z",
    ],
    "a part of a batch, and all of it up to its Sync": [
      [parse("forbidden"), flush(), bind(), execute(), flush(), sync()],
      "",
      "E ERROR 42000 Z",
    ],
    "the rest of a batch of which the server saw a part": [
      [...open, parse("forbidden"), sync()],
      "P H E S",
      "1 E ERROR 42000 Z",
    ],
  };

  test.each(Object.entries(TERMINATIONS))(
    "is refused by a handler as the moment calls for: %s",
    async (_, [requests, forServer, forClient]) => {
      const kit = await new SessionKit().logIn();
      kit.on("OnTrafficFromClient", at(terminateIf("forbidden")));
      for (const request of requests) {
        await kit.say(request);
        const heard = kit.backend.heard;
        if (told(heard.bytes) === "P H" && kit.heard.byteLength === 0) {
          await kit.answer(backend.parseComplete());
        }
      }
      if (forServer.endsWith("S")) await kit.answer(backend.ready());
      await kit.pass(20);
      expect(told(kit.backend.heard.bytes)).toBe(forServer);
      expect(told(kit.heard.take())).toBe(forClient);
      await kit.say(QUERY);
      await kit.answer(ROWS);
      expect(kit.heard.bytes).toEqual(ROWS);
      await kit.expectClean();
    },
  );

  test("is not refused a second time when the server has refused a part of its batch", async () => {
    const kit = await new SessionKit().logIn();
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden")));
    await kit.say(...open);
    await kit.answer(backend.error("42601"));
    await kit.say(parse("forbidden"), sync());
    await kit.answer(backend.ready());
    await kit.pass(20);
    expect(told(kit.backend.heard.bytes)).toBe("P H S");
    expect(told(kit.heard.bytes)).toBe("E ERROR 42601 Z");
    await kit.expectClean();
  });

  test("is refused in its place behind the answers that are owed, in the transaction's state", async () => {
    const kit = await new SessionKit().logIn();
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden")));
    await kit.say(QUERY, query("forbidden"));
    await kit.pass(100);
    expect(kit.heard.text).toBe("");
    await kit.answer(backend.commandComplete("BEGIN"), backend.ready("T"));
    expect(told(kit.heard.bytes)).toBe("C Z E ERROR 42000 Z");
    expect(kit.heard.text).toEndWith("T");
    await kit.expectClean();
  });

  test("of a COPY is refused by failing it on the server", async () => {
    const kit = await new SessionKit().logIn();
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden")));
    await kit.say(query("copy"));
    await kit.answer(backend.copyIn());
    await kit.say(frontend.copyData("fine\n"));
    await kit.say(frontend.copyData("forbidden\n"), frontend.copyDone());
    expect(told(kit.backend.heard.bytes)).toStartWith("Q d f");
    await kit.answer(backend.error("57014"), backend.ready());
    expect(told(kit.heard.bytes)).toBe("G E ERROR 57014 Z");
    await kit.expectClean();
  });

  test("ends with the connection when its startup is refused", async () => {
    const kit = new SessionKit();
    kit.on("OnTrafficFromClient", at(terminateIf("alice")));
    await kit.start();
    await kit.say(opening.startup());
    expect(told(kit.heard.bytes)).toBe("E FATAL 42000");
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("is refused on its way back, with the end of its cycle", async () => {
    const kit = await new SessionKit().logIn();
    kit.on(
      "OnTrafficFromServer",
      at(() => terminate()),
    );
    await kit.say(QUERY);
    await kit.answer(ROWS);
    expect(told(kit.heard.bytes)).toBe("E ERROR 42000 Z");
    await kit.expectClean();
  });

  test("is dropped to its end once a handler has ended it half-way", async () => {
    const kit = await new SessionKit().logIn();
    kit.on(
      "OnTrafficFromServer",
      at((payload) => (payload["partial"] ? terminate() : undefined)),
    );
    await kit.say(QUERY);
    await kit.answer(backend.dataRow("1"));
    await kit.pass(20);
    await kit.answer(backend.dataRow("2"));
    await kit.pass(20);
    await kit.answer(backend.commandComplete("SELECT 2"), backend.ready());
    expect(told(kit.heard.bytes)).toBe("E ERROR 42000 Z");
    await kit.expectClean();
  });

  test("of a COPY is answered by a handler in the place of the server", async () => {
    const kit = await new SessionKit().logIn();
    kit.on("OnTrafficFromClient", at(terminateIf("forbidden", backend.rows("no"))));
    await kit.say(query("copy t from stdin"));
    await kit.answer(backend.copyIn());
    await kit.say(frontend.copyData("forbidden"));
    await kit.answer(backend.error("57014"), backend.ready());
    await kit.pass(20);
    expect(told(kit.backend.heard.bytes)).toEndWith("f");
    expect(kit.heard.bytes.subarray(-backend.rows("no").length)).toEqual(backend.rows("no"));
    expect(told(kit.heard.bytes)).not.toContain("ERROR");
    await kit.expectClean();
  });

  test("ends the connection when a handler makes something else of it than messages", async () => {
    const kit = await new SessionKit().logIn();
    kit.on(
      "OnTrafficFromClient",
      at(() => ({ request: message("T") })),
    );
    await kit.say(QUERY);
    expect(told(kit.heard.bytes)).toBe("E FATAL 08P01");
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("gets through when the server closes right behind it", async () => {
    const kit = await new SessionKit().logIn();
    kit.on(
      "OnTrafficFromServer",
      at((payload) => payload),
    );
    const last = backend.error("57P01", "FATAL");
    kit.backend.connection.write(last);
    kit.backend.connection.close();
    await settle();
    expect(kit.heard.bytes).toEqual(last);
    expect(kit.heard.hasEnded).toBe(true);
    await kit.expectClean();
  });

  test("gets through when the client ends right behind it", async () => {
    const kit = await new SessionKit().logIn();
    kit.on(
      "OnTrafficFromClient",
      at((payload) => payload),
    );
    const end = kit.backend;
    kit.client.write(QUERY);
    kit.client.write(frontend.terminate());
    kit.client.shutdown();
    await settle();
    expect(end.heard.bytes).toEqual(Buffer.concat([QUERY, frontend.terminate()]));
    await kit.expectClean();
  });
});

describe("handlers that come and go while a connection lives", () => {
  test("see what begins after they came, and no half message", async () => {
    const kit = await new SessionKit().logIn();
    const seen: string[] = [];
    await kit.say(QUERY.subarray(0, 7));
    const remove = kit.on("OnTrafficFromClient", (payload) => {
      seen.push(told(bytesIn(payload, "request")));
    });
    await kit.say(QUERY.subarray(7));
    expect(seen).toEqual([]);
    await kit.answer(ROWS);
    await kit.say(BATCH);
    expect(seen).toEqual(["P B E S"]);
    await kit.answer(BATCH_ROWS);
    remove();
    await kit.say(QUERY);
    await kit.answer(ROWS);
    expect(seen).toEqual(["P B E S"]);
    expect(kit.backend.heard.bytes).toEqual(Buffer.concat([QUERY, BATCH, QUERY]));
    expect(kit.heard.bytes).toEqual(Buffer.concat([ROWS, BATCH_ROWS, ROWS]));
    await kit.expectClean();
  });

  test("lose nothing that is held when they go", async () => {
    const kit = await new SessionKit().logIn();
    const remove = kit.on("OnTrafficFromClient", (payload) => payload);
    await kit.say(parse("select 1"), bind());
    expect(kit.backend.heard.byteLength).toBe(0);
    remove();
    await kit.say(execute(), sync());
    expect(kit.backend.heard.bytes).toEqual(BATCH);
    await kit.answer(BATCH_ROWS);
    expect(kit.heard.bytes).toEqual(BATCH_ROWS);
    await kit.expectClean();
  });

  const begun = [parse("first"), bind(), execute()];
  test.each([
    ["a query", [query("first")], [], [ROWS.subarray(0, -11), ROWS.subarray(-11)]],
    ["a part of a batch", [...begun, flush()], [sync()], [BATCH_ROWS]],
    [
      "a COPY",
      [...begun, sync()],
      [],
      [Buffer.concat([backend.parseComplete(), backend.copyIn()])],
    ],
  ])(
    "see no answer to %s that was asked for before they came",
    async (_, before, after, answers) => {
      const kit = await new SessionKit().logIn();
      await kit.say(...before);
      const seen: string[] = [];
      for (const hook of ["OnTrafficFromServer", "OnTrafficToClient"] as const) {
        kit.on(hook, (payload) => void seen.push(told(bytesIn(payload, "request"))));
      }
      await kit.say(...after);
      for (const answer of answers) {
        await kit.answer(answer);
        await kit.pass(20);
      }
      if (told(kit.heard.bytes).endsWith("G")) {
        await kit.say(frontend.copyDone(), sync());
        await kit.answer(backend.ready());
      }
      expect(told(kit.heard.take())).toEndWith("Z");
      expect(seen).toEqual([]);
      await kit.say(QUERY);
      await kit.answer(ROWS);
      expect(seen).toEqual(["Q", "Q"]);
      expect(kit.heard.take()).toEqual(ROWS);
      await kit.expectClean();
    },
  );

  test("see nothing of a login that began before they came", async () => {
    const kit = await new SessionKit().start();
    await kit.say(opening.startup());
    const seen: string[] = [];
    kit.on("OnTrafficFromServer", (payload) => void seen.push(told(bytesIn(payload, "request"))));
    await kit.answer(backend.authentication(5, new Uint8Array(4)));
    await kit.say(frontend.password("md5x"));
    await kit.answer(LOGIN);
    await kit.say(QUERY);
    await kit.answer(ROWS);
    expect(seen).toEqual(["p", "Q"]);
    await kit.expectClean();
  });

  test("see each part of a late answer beside its own request", async () => {
    const kit = await new SessionKit().logIn();
    const seen: string[] = [];
    const waiting: (() => void)[] = [];
    kit.on("OnTrafficFromServer", (payload) => {
      seen.push(told(bytesIn(payload, "request")));
      return new Promise<void>((resolve) => waiting.push(resolve));
    });
    const goOn = async (): Promise<void> => {
      waiting.shift()?.();
      await settle();
    };
    await kit.say(QUERY);
    for (const word of ["1", "2"]) {
      await kit.answer(backend.dataRow(word));
      await kit.pass(20);
    }
    await kit.answer(backend.commandComplete("SELECT 2"), backend.ready());
    await goOn();
    await kit.say(BATCH);
    for (let part = 0; part < 2; part++) await goOn();
    await kit.answer(BATCH_ROWS);
    await goOn();
    expect(seen).toEqual(["Q", "Q", "Q", "P B E S"]);
    await kit.expectClean();
  });

  test("show a response that pauses as far as it came", async () => {
    const kit = await new SessionKit().logIn();
    const partials: unknown[] = [];
    kit.on("OnTrafficFromServer", (payload) => {
      partials.push(payload["partial"]);
    });
    await kit.say(QUERY);
    await kit.answer(backend.notice("soon"));
    expect(kit.heard.text).toBe("");
    await kit.pass(20);
    expect(told(kit.heard.bytes)).toBe("N");
    await kit.answer(ROWS);
    expect(partials).toEqual([true, undefined]);
    await kit.expectClean();
  });

  test("hold up a drain until everything is through", async () => {
    const kit = await new SessionKit().logIn();
    let goOn: (() => void) | undefined;
    kit.on("OnTrafficFromServer", () => new Promise<void>((resolve) => (goOn = resolve)));
    await kit.say(QUERY);
    await kit.answer(ROWS);
    kit.session.drain("ERR_SHUTTING_DOWN");
    await settle();
    expect(kit.heard.text).toBe("");
    goOn?.();
    await settle();
    expect(told(kit.heard.bytes)).toBe("T D C Z E FATAL 57P01");
    await kit.expectClean();
  });

  test("slow the client down when they are slow", async () => {
    const kit = await new SessionKit().logIn();
    const waiting: (() => void)[] = [];
    kit.on("OnTrafficFromClient", () => new Promise<void>((resolve) => waiting.push(resolve)));
    const large = query("x".repeat(200_000));
    const pause = spyOn(kit.gatewayEnd, "pause");
    for (let index = 0; index < 20; index++) await kit.say(large);
    expect(pause).toHaveBeenCalledTimes(1);
    for (let index = 0; index < 20; index++) {
      expect(waiting).toHaveLength(index + 1);
      waiting[index]?.();
      await settle();
    }
    expect(kit.backend.heard.byteLength).toBe(20 * large.length);
    await kit.expectClean();
  });
});

test("answers come in parts as large as the most modest handler wishes, from when it is there", async () => {
  const kit = await new SessionKit().logIn();
  const parts: number[] = [];
  const count: HookHandler = (payload) => void parts.push(bytesIn(payload, "response").length);
  const row = backend.dataRow("x".repeat(1_000));
  const rows = Buffer.concat([...Array.from({ length: 10 }, () => row), backend.ready()]);
  kit.on("OnTrafficFromServer", count, 1_000, { bufferBytes: 1_000_000 });
  await kit.say(QUERY);
  await kit.answer(rows);
  expect(parts.splice(0)).toEqual([rows.length]);
  kit.on("OnTrafficToClient", () => undefined, 1_000, { bufferBytes: 3 * row.length });
  await kit.say(QUERY);
  await kit.answer(rows);
  expect(parts.splice(0)).toEqual(
    [3, 3, 3].map((each) => each * row.length).concat(row.length + 6),
  );
  const long = backend.dataRow("x".repeat(4 * row.length));
  await kit.say(QUERY);
  await kit.answer(Buffer.concat([row, long, row, backend.ready()]));
  expect(parts).toEqual([row.length, long.length, row.length + 6]);
  await kit.expectClean();
});

test.each(["at once", "a byte at a time"])(
  "answers to requests that a time limit holds back are shown beside these: %s",
  async (how) => {
    const kit = await new SessionKit({ limits: { queryTimeoutMs: 10_000 } }).logIn();
    const seen: string[] = [];
    for (const hook of ["OnTrafficFromServer", "OnTrafficToClient"] as const) {
      kit.on(hook, (payload) => {
        seen.push(`${told(bytesIn(payload, "request"))} > ${told(bytesIn(payload, "response"))}`);
      });
    }
    await kit.say(Buffer.concat([QUERY, BATCH, QUERY]));
    expect(told(kit.backend.heard.bytes)).toBe("Q");
    for (const answer of [ROWS, BATCH_ROWS, ROWS]) {
      const chunks = how === "at once" ? [answer] : [...answer].map((byte) => Uint8Array.of(byte));
      await kit.answer(...chunks);
    }
    expect(seen).toEqual(
      ["Q > T D C Z", "P B E S > 1 2 D C Z", "Q > T D C Z"].flatMap((line) => [line, line]),
    );
    expect(kit.heard.bytes).toEqual(Buffer.concat([ROWS, BATCH_ROWS, ROWS]));
    await kit.expectClean();
  },
);

test("what an error has made void is not taken for the next request", async () => {
  const kit = await new SessionKit({ limits: { queryTimeoutMs: 10_000 } }).logIn();
  const seen: string[] = [];
  kit.on("OnTrafficFromServer", (payload) => void seen.push(told(bytesIn(payload, "request"))));
  await kit.say(parse("wrong"), flush());
  await kit.answer(backend.error("42601"));
  await kit.say(Buffer.concat([query("void"), sync(), BATCH]));
  expect(told(kit.backend.heard.bytes)).toBe("P H Q S");
  await kit.answer(backend.ready());
  await kit.answer(BATCH_ROWS);
  expect(seen.at(-1)).toBe("P B E S");
  await kit.expectClean();
});

test("an answer that pauses is shown as early as a handler wishes", async () => {
  const kit = await new SessionKit().logIn();
  const seen: string[] = [];
  const note: HookHandler = (payload) =>
    void seen.push(told(bytesIn(payload, "response")) + (payload["partial"] ? " ..." : ""));
  const remove = kit.on("OnTrafficFromServer", note, 1_000, { flushIntervalMs: 1_000 });
  await kit.say(QUERY);
  await kit.answer(backend.dataRow("1"));
  await kit.pass(900);
  expect(seen).toEqual([]);
  await kit.pass(200);
  expect(seen).toEqual(["D ..."]);
  remove();
  kit.on("OnTrafficFromServer", note, 1_000, { flushIntervalMs: 0 });
  await kit.answer(backend.dataRow("2"));
  expect(seen).toEqual(["D ...", "D ..."]);
  await kit.answer(Buffer.concat([backend.commandComplete("SELECT 2"), backend.ready()]));
  expect(seen).toEqual(["D ...", "D ...", "C Z"]);
  expect(told(kit.heard.bytes)).toBe("D D C Z");
  await kit.expectClean();
});
