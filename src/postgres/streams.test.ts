import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  anySplit,
  backend,
  everySplit,
  frontend,
  message,
} from "../../tests/fixtures/wire/index.ts";
import { AnswerLedger, ClientStream, ServerStream } from "./index.ts";

const SECRET = Uint8Array.from({ length: 260 }, (_, index) => index);

const LOGIN = Buffer.concat([
  backend.authenticationOk(),
  backend.parameterStatus("server_version", "18.0"),
  backend.keyData(SECRET),
  backend.ready(),
]);

function server(chunks: readonly Uint8Array[]) {
  const ledger = new AnswerLedger();
  const stream = new ServerStream(ledger, 10_000);
  for (const chunk of chunks) stream.advance(chunk);
  return { ledger, stream };
}

describe("the stream of a server", () => {
  test("yields the key and the transaction status wherever it is split", () => {
    for (const chunks of everySplit(LOGIN)) {
      const { ledger, stream } = server(chunks);
      expect(stream.keyData).toEqual(SECRET);
      expect(ledger.transactionStatus).toBe("I".charCodeAt(0));
      expect(ledger.cycles).toBe(1);
    }
  });

  test("keeps the key when later answers come", () => {
    const later = Buffer.concat([LOGIN, backend.rows("one"), backend.ready("T")]);
    fc.assert(
      fc.property(anySplit(later), (chunks) => {
        const { ledger, stream } = server(chunks);
        expect(stream.keyData).toEqual(SECRET);
        expect(ledger.isInTransaction).toBe(true);
        expect(ledger.cycles).toBe(3);
      }),
    );
  });

  test("yields the name of the application as reported last, wherever it is split", () => {
    const reports = [
      backend.parameterStatus("application_name", "orders"),
      backend.parameterStatus("a", ""),
      backend.parameterStatus("application_name_of_another", "x"),
      backend.parameterStatus("search_path", "a".repeat(500)),
      backend.ready("T"),
    ];
    for (const chunks of everySplit(Buffer.concat([LOGIN, ...reports]))) {
      const { stream, ledger } = server(chunks);
      expect([stream.applicationName, ledger.isInTransaction]).toEqual(["orders", true]);
    }
    expect(server([LOGIN]).stream.applicationName).toBeUndefined();
  });

  test("yields the four-byte secret of protocol 3.0", () => {
    const key = Uint8Array.of(0, 0, 1, 2, 9, 8, 7, 6);
    const { stream } = server([backend.keyData(key)]);
    expect(stream.keyData).toEqual(key);
  });

  test("does not keep a key that is longer than the protocol allows", () => {
    const { stream, ledger } = server([backend.keyData(new Uint8Array(261)), backend.ready("E")]);
    expect(stream.keyData).toBeUndefined();
    expect(ledger.transactionStatus).toBe("E".charCodeAt(0));
  });

  test.each([
    ["an error", [backend.error("57P01", "FATAL")], true],
    ["an error and an answer", [backend.error("42601"), backend.ready()], false],
    ["an answer", [backend.rows("one")], false],
  ] as const)("knows whether it ended with an error: %s", (_, messages, endedWithError) => {
    for (const chunks of everySplit(Buffer.concat(messages))) {
      expect(server(chunks).stream.endedWithError).toBe(endedWithError);
    }
  });
});

function client(chunks: readonly Uint8Array[]) {
  const ledger = new AnswerLedger();
  ledger.readyForQuery("I".charCodeAt(0));
  const stream = new ClientStream(ledger, 10_000);
  for (const chunk of chunks) stream.advance(chunk);
  return { ledger, stream };
}

describe("the stream of a client", () => {
  const requests = Buffer.concat([
    frontend.query("select 1"),
    frontend.parse("select 2"),
    frontend.bind(),
    frontend.execute(),
    frontend.sync(),
    frontend.functionCall(1),
  ]);

  test("counts the answers the client is owed wherever it is split", () => {
    for (const chunks of everySplit(requests)) {
      expect(client(chunks).ledger.owedReadyForQuery).toBe(3);
    }
  });

  test("does not count a message before its last byte has come", () => {
    for (const whole of [frontend.query("select 1"), frontend.sync(), frontend.functionCall(1)]) {
      for (let at = 1; at < whole.length; at++) {
        const { ledger, stream } = client([whole.subarray(0, at)]);
        expect(ledger.owedReadyForQuery).toBe(0);
        stream.advance(whole.subarray(at));
        expect(ledger.owedReadyForQuery).toBe(1);
      }
    }
  });

  test("notices that the client says goodbye", () => {
    expect(client([requests]).stream.hasTerminated).toBe(false);
    const { ledger, stream } = client([requests, frontend.terminate()]);
    expect(stream.hasTerminated).toBe(true);
    expect(ledger.owedReadyForQuery).toBe(3);
  });

  test.each(["T", "Z", "\0", "\xff"])("refuses a message of type %j", (tag) => {
    for (const chunks of everySplit(message(tag))) {
      expect(() => client(chunks)).toThrow(
        expect.objectContaining({ code: "ERR_PROTOCOL_VIOLATION" }),
      );
    }
  });
});
