import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  anyHostileStream,
  BARE_MESSAGES,
  CLIENT_MESSAGES,
  SERVER_MESSAGES,
} from "../../tests/fixtures/wire/index.ts";
import { SEED, times } from "../../tests/fixtures/test-size.ts";
import { heldBytes } from "../../tests/kit/index.ts";
import { GatewayError } from "../errors.ts";
import {
  AnswerLedger,
  ClientStream,
  RequestUnits,
  ResponseParts,
  ServerStream,
  readStartupPacket,
  readStartupParameters,
  renameStatement,
  statementName,
} from "./index.ts";
import { forEachMessage, MessageSplitter } from "./message-splitter.ts";

/** fast-check says the seed of a failure. */
const RUNS = { numRuns: times(1500, 200_000), seed: SEED };

const MAX_MESSAGE_BYTES = 4096;
const MAX_KEY_BYTES = 260;
const REFUSALS: readonly string[] = ["ERR_PROTOCOL_VIOLATION", "ERR_MESSAGE_TOO_LARGE"];

const anyClientStream = anyHostileStream(CLIENT_MESSAGES, [
  ...BARE_MESSAGES.client,
  Buffer.from("d\0\0\0\x08data"),
]);
const anyServerStream = anyHostileStream(SERVER_MESSAGES, [
  ...BARE_MESSAGES.server,
  Buffer.from("d\0\0\0\x08data"),
  Buffer.from("c\0\0\0\x04"),
  Buffer.from("s\0\0\0\x04"),
]);

const READERS: readonly ((message: Uint8Array) => unknown)[] = [
  ...CLIENT_MESSAGES.map(({ read }) => read),
  ...SERVER_MESSAGES.map(({ read }) => read),
  statementName,
  (message) => renameStatement(message, Buffer.from("another")),
];

/** Does it, and answers false when it was refused as it has to be; anything else thrown goes on. */
function accepts(action: () => unknown, refusals: readonly string[] = REFUSALS): boolean {
  try {
    action();
    return true;
  } catch (thrown) {
    if (thrown instanceof GatewayError && refusals.includes(thrown.code)) return false;
    throw thrown;
  }
}

/** Feeds a stream until it is refused, when a gateway would close it. */
function feed(chunks: readonly Uint8Array[], take: (chunk: Uint8Array) => void): void {
  for (const chunk of chunks) {
    if (!accepts(() => take(chunk))) return;
  }
}

function readEverything(chunks: readonly Uint8Array[]): void {
  const splitter = new MessageSplitter(MAX_MESSAGE_BYTES);
  feed(chunks, (chunk) => {
    const run = splitter.push(chunk);
    forEachMessage(run, (_, from, to) => {
      for (const read of READERS) accepts(() => read(run.subarray(from, to)));
    });
  });
}

describe("a hostile stream", () => {
  test("of a client or a server is followed or refused, and the ledger stays sane", () => {
    fc.assert(
      fc.property(
        anyClientStream,
        anyServerStream,
        fc.boolean(),
        (requests, answers, isLoggedIn) => {
          const ledger = new AnswerLedger();
          if (isLoggedIn) ledger.readyForQuery(0x49);
          const client = new ClientStream(ledger, MAX_MESSAGE_BYTES);
          const server = new ServerStream(ledger, MAX_MESSAGE_BYTES);
          let sentBytes = 0;
          const check = (): void => {
            expect(ledger.owedReadyForQuery).toBeGreaterThanOrEqual(0);
            expect(ledger.owedReadyForQuery).toBeLessThanOrEqual(sentBytes / 5);
            expect(server.keyData?.length ?? 0).toBeLessThanOrEqual(MAX_KEY_BYTES);
            if (ledger.isIdle) expect(ledger.owedReadyForQuery).toBe(0);
          };
          const isOpen = { client: true, server: true };
          for (let at = 0; at < Math.max(requests.length, answers.length); at++) {
            const [request, answer] = [requests[at], answers[at]];
            if (request !== undefined && isOpen.client) {
              sentBytes += request.length;
              isOpen.client = accepts(() => client.advance(request));
            }
            if (answer !== undefined && isOpen.server) {
              isOpen.server = accepts(() => server.advance(answer));
            }
            check();
          }
        },
      ),
      RUNS,
    );
  });

  test("of a client is read or refused, message by message and in units", () => {
    fc.assert(
      fc.property(anyClientStream, fc.boolean(), (chunks, isLoggedIn) => {
        readEverything(chunks);
        const units = new RequestUnits(MAX_MESSAGE_BYTES, () => {});
        feed(chunks, (chunk) => units.push(chunk, isLoggedIn));
      }),
      RUNS,
    );
  });

  test("of a server is read or refused, message by message and in parts", () => {
    fc.assert(
      fc.property(anyServerStream, (chunks) => {
        readEverything(chunks);
        const parts = new ResponseParts(MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES, () => {});
        feed(chunks, (chunk) => parts.push(chunk));
      }),
      RUNS,
    );
  });

  test("is read or refused where a startup packet is expected", () => {
    const refusals = [...REFUSALS, "ERR_PROTOCOL_UNSUPPORTED"];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        accepts(() => readStartupPacket(bytes), refusals);
        const packet = Buffer.concat([Buffer.from([0, 0, 0, 8 + bytes.length, 0, 3, 0, 0]), bytes]);
        accepts(() => readStartupPacket(packet), refusals);
        accepts(() => readStartupParameters(packet), refusals);
      }),
      RUNS,
    );
  });
});

describe("a stream without end is followed in bounded memory:", () => {
  const ROUNDS = 40;
  const MAX_GROWTH_BYTES = 2 * 1024 * 1024;
  const repeated = (message: string): Buffer => Buffer.from(message.repeat(64 * 1024), "latin1");
  const sync = "S\0\0\0\x04";
  const parse = "P\0\0\0\x08\0\0\0\0";
  const ready = "Z\0\0\0\x05I";
  const error = "E\0\0\0\x05\0";
  const data = "d\0\0\0\x04";

  test.each([
    ["requests that are answered", [repeated(sync), repeated(ready)]],
    ["a batch without a Sync", [repeated(parse), undefined]],
    ["answers to nothing", [undefined, repeated(ready)]],
    ["errors of nothing", [undefined, repeated(error)]],
    ["COPY data for nobody", [repeated(data), repeated(data)]],
    ["keys", [undefined, repeated("K\0\0\0\x0c12345678")]],
    ["requests for COPY data", [undefined, repeated("G\0\0\0\x07\0\0\0")]],
  ] as const)("%s", (_, [requests, answers]) => {
    const ledger = new AnswerLedger();
    ledger.readyForQuery(0x49);
    const client = new ClientStream(ledger, MAX_MESSAGE_BYTES);
    const server = new ServerStream(ledger, MAX_MESSAGE_BYTES);
    const round = (): void => {
      if (requests !== undefined) client.advance(requests);
      if (answers !== undefined) server.advance(answers);
    };
    round();
    const before = heldBytes();
    for (let count = 0; count < ROUNDS; count++) round();
    expect(heldBytes() - before).toBeLessThan(MAX_GROWTH_BYTES);
    expect(client.isAtBoundary && server.isAtBoundary).toBe(true);
  });

  test("a message that is longer than all memory", () => {
    const server = new ServerStream(new AnswerLedger(), 0x4000_0000);
    const chunk = new Uint8Array(1024 * 1024);
    server.advance(Buffer.from("D\x3f\xff\xff\xff", "latin1"));
    const before = heldBytes();
    for (let count = 0; count < ROUNDS; count++) server.advance(chunk);
    expect(heldBytes() - before).toBeLessThan(MAX_GROWTH_BYTES);
    expect(server.isAtBoundary).toBe(false);
  });
});
