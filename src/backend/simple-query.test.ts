import { describe, expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { backend, everySplit, frontend, message } from "../../tests/fixtures/wire/index.ts";
import { GatewayError } from "../errors.ts";
import { memoryPair, TimerWheel } from "../net/index.ts";
import { TransactionStatus } from "../postgres/index.ts";
import { runSimpleQuery } from "./index.ts";
import type { SimpleAnswer, SimpleQueryOptions } from "./index.ts";

const NOTHING = {
  rows: [],
  tags: [],
  error: undefined,
  parameters: new Map(),
  status: TransactionStatus.Idle,
};

function ask(text = "select 1", options: Partial<SimpleQueryOptions> = {}) {
  const [connection, server] = memoryPair();
  const [lender, heard] = [new Recorder(), new Recorder()];
  connection.handler = lender;
  server.handler = heard;
  const clock = new FakeClock();
  const settled: (SimpleAnswer | Error)[] = [];
  runSimpleQuery(connection, text, {
    block: "writes",
    timeoutMs: 1_000,
    timers: new TimerWheel(clock),
    ...options,
  }).then(
    (answer) => settled.push(answer),
    (error: Error) => settled.push(error),
  );
  return { connection, server, lender, heard, clock, settled };
}

type Question = ReturnType<typeof ask>;

/** Lets the server speak, and answers what becomes of the question. */
async function after(question: Question, ...words: readonly Uint8Array[]): Promise<unknown> {
  for (const chunk of words) question.server.write(chunk);
  await settle();
  return question.settled[0];
}

function expectFailure(
  { settled, connection, clock, lender }: Question,
  code: string,
  words: string,
) {
  expect(settled).toHaveLength(1);
  const [error] = settled;
  if (!(error instanceof GatewayError)) throw new Error("it has not failed");
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
  expect(error.message).toStartWith('block "writes": ');
  expect([connection.isOpen, clock.timerCount]).toEqual([false, 0]);
  expect(lender.events.filter((event) => event.startsWith("close"))).toHaveLength(1);
}

describe("a simple query", () => {
  test("is sent as it is, and its answer comes as text", async () => {
    const question = ask("select name, setting");
    await settle();
    expect(question.heard.bytes).toEqual(frontend.query("select name, setting"));
    const withNull = message("D", Uint8Array.of(0, 2, 255, 255, 255, 255, 0, 0, 0, 0));
    const answer = await after(
      question,
      backend.rowDescription("name", "setting"),
      backend.dataRow("größe", "1"),
      withNull,
      backend.commandComplete("SELECT 2"),
      backend.ready(),
    );
    expect(answer).toEqual({
      ...NOTHING,
      rows: [
        ["größe", "1"],
        [null, ""],
      ],
      tags: ["SELECT 2"],
    });
    expect(question.connection.handler).toBe(question.lender);
    expect([question.connection.isOpen, question.clock.timerCount]).toEqual([true, 0]);
  });

  test("of no statement is a sign of life", async () => {
    expect(await after(ask(""), backend.emptyQuery(), backend.ready())).toEqual(NOTHING);
  });

  test("tells what changed meanwhile, and passes over what is not for it", async () => {
    const answer = await after(
      ask("discard all; begin"),
      backend.notice("careful"),
      message("A", Uint8Array.of(0, 0, 0, 9), "channel", "payload"),
      backend.commandComplete("DISCARD ALL"),
      backend.parameterStatus("TimeZone", "UTC"),
      backend.parameterStatus("TimeZone", "CET"),
      backend.commandComplete("BEGIN"),
      backend.ready("T"),
    );
    expect(answer).toEqual({
      ...NOTHING,
      tags: ["DISCARD ALL", "BEGIN"],
      parameters: new Map([["TimeZone", "CET"]]),
      status: TransactionStatus.InTransaction,
    });
  });

  test("that fails is answered with what the server said, and the connection stays", async () => {
    const question = ask();
    const answer = await after(question, backend.error("42P01"), backend.ready("E"));
    expect(answer).toMatchObject({
      error: { severity: "ERROR", code: "42P01" },
      status: TransactionStatus.Failed,
    });
    expect(question.connection.isOpen).toBe(true);
  });

  test("feeds no COPY, and drops what a COPY sends", async () => {
    const question = ask("copy t from stdin; copy t to stdout");
    await settle();
    question.heard.take();
    await after(question, backend.copyIn());
    expect(question.heard.take()).toEqual(frontend.copyFail("COPY is not possible here"));
    const answer = await after(
      question,
      backend.copyOut(),
      backend.copyData("row"),
      backend.copyDone(),
      backend.commandComplete("COPY 1"),
      backend.ready(),
    );
    expect(answer).toEqual({ ...NOTHING, tags: ["COPY 1"] });
  });

  test("gives back what comes behind its answer, however it is cut", async () => {
    const late = Buffer.concat([backend.notice("late"), Buffer.from("A\0\0")]);
    for (const chunks of everySplit(Buffer.concat([backend.rows("1"), late]))) {
      const question = ask();
      expect(await after(question, ...chunks)).toMatchObject({ rows: [["1"]] });
      expect(question.lender.bytes).toEqual(late);
    }
  });

  test("with values is a batch of the extended protocol", async () => {
    const question = ask("select $1 || $2", { values: ["grö", ""] });
    await settle();
    const bind = frontend.bind("", "", ["grö", ""]);
    expect(question.heard.bytes).toEqual(
      Buffer.concat([frontend.parse("select $1 || $2"), bind, frontend.execute(), frontend.sync()]),
    );
    const answer = await after(
      question,
      backend.parseComplete(),
      backend.bindComplete(),
      backend.dataRow("grö"),
      backend.commandComplete("SELECT 1"),
      backend.ready(),
    );
    expect(answer).toEqual({ ...NOTHING, rows: [["grö"]], tags: ["SELECT 1"] });
  });

  test("may be followed by another", async () => {
    const first = ask();
    await after(first, backend.rows("1"));
    const options = { block: "b", timeoutMs: 0, timers: new TimerWheel(first.clock) };
    const second = runSimpleQuery(first.connection, "select 2", options);
    await settle();
    first.server.write(backend.rows("2"));
    expect((await second).rows).toEqual([["2"]]);
    expect(first.lender.events).toEqual([]);
  });
});

describe("a simple query comes to nothing", () => {
  test("when the answer is too large", async () => {
    const question = ask("select", { maxBytes: 10_000 });
    for (let count = 0; count < 20; count++)
      await after(question, backend.dataRow("x".repeat(999)));
    expectFailure(question, "ERR_MESSAGE_TOO_LARGE", "more than 10000 bytes");
  });

  test("when one row is too large, at its header", async () => {
    const question = ask("select", { maxBytes: 10_000 });
    await after(question, backend.dataRow("x".repeat(10_000)).subarray(0, 7));
    expectFailure(question, "ERR_MESSAGE_TOO_LARGE", "10010 bytes");
  });

  test("when the answer takes too long", async () => {
    const question = ask();
    await after(question, backend.dataRow("x"));
    question.clock.advance(1_010);
    await settle();
    expectFailure(question, "ERR_SERVER_TIMEOUT", "answering a query within 1000 ms");
  });

  test("when its owner gives it up", async () => {
    const owner = new AbortController();
    const question = ask("select", { signal: owner.signal });
    await settle();
    owner.abort();
    await settle();
    expectFailure(question, "ERR_SHUTTING_DOWN", "was given up");
  });

  test("when the server ends the session, and says why", async () => {
    const question = ask();
    question.server.write(backend.error("57P01", "FATAL"));
    question.server.close();
    await settle();
    expectFailure(question, "ERR_SERVER_LOST", "answering a query: 57P01 no");
  });

  test.each(["close", "shutdown", "terminate"] as const)(
    "when the server leaves by %s",
    async (way) => {
      const question = ask();
      question.server[way]();
      await settle();
      expectFailure(question, "ERR_SERVER_LOST", "closed the connection");
    },
  );

  test.each([
    ["answers what nobody asked", backend.parseComplete(), "answers no simple query"],
    ["wants to copy both ways", message("W", Uint8Array.of(0, 0, 0)), "answers no simple query"],
    ["sends a row that is none", message("D", Uint8Array.of(9, 9)), "DataRow: malformed"],
    ["has a status that is none", message("Z", Uint8Array.of(0)), "ReadyForQuery: malformed"],
    ["sends no messages", Buffer.from("D\0\0\0\x01"), "announces 1 bytes"],
  ])("when the server %s", async (_, words, expected) => {
    const question = ask();
    await after(question, words);
    expectFailure(question, "ERR_PROTOCOL_VIOLATION", expected);
  });

  test("when its text cannot be sent", async () => {
    const question = ask("select '\0'");
    await settle();
    expectFailure(question, "ERR_PROTOCOL_VIOLATION", "zero byte");
  });
});
