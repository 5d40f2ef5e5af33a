import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  BARE_MESSAGES,
  CLIENT_MESSAGES,
  everySplit,
  type MessageKind,
  SERVER_MESSAGES,
} from "../../tests/fixtures/wire/index.ts";
import { GatewayError } from "../errors.ts";
import { AnswerLedger, ClientStream, FrontendWriter, ServerStream } from "./index.ts";
import { readStartupPacket, readStartupParameters } from "./index.ts";
import { MessageSplitter } from "./message-splitter.ts";

const MAX_MESSAGE_BYTES = 2 ** 20;

const byName = (kinds: readonly MessageKind[]): readonly (readonly [string, MessageKind])[] =>
  kinds.map((kind) => [kind.name, kind]);
const allKinds = byName([...CLIENT_MESSAGES, ...SERVER_MESSAGES]);

/** The message with its body cut or filled, and a header that fits. */
function withBody(message: Uint8Array, body: Uint8Array): Buffer {
  const bytes = Buffer.concat([message.subarray(0, 5), body]);
  bytes.writeInt32BE(bytes.length - 1, 1);
  return bytes;
}

/** What reading throws; undefined when it succeeds. */
function failureOf(read: () => unknown): unknown {
  try {
    read();
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

function expectViolationOrValue(read: () => unknown): void {
  const failure = failureOf(read);
  if (failure === undefined) return;
  expect(failure).toBeInstanceOf(GatewayError);
  expect(failure).toMatchObject({ code: "ERR_PROTOCOL_VIOLATION" });
}

describe("a message", () => {
  test.each(allKinds)("says what was written: %s", (_, { examples, read }) => {
    fc.assert(fc.property(examples, ({ bytes, says }) => expect(read(bytes)).toEqual(says)));
  });

  test.each(allKinds)("is refused or read aright when cut short: %s", (_, { examples, read }) => {
    fc.assert(
      fc.property(examples, ({ bytes }) => {
        for (let length = 0; length < bytes.length; length++) {
          expect(failureOf(() => read(bytes.subarray(0, length)))).toMatchObject({
            code: "ERR_PROTOCOL_VIOLATION",
          });
        }
        for (let length = 5; length < bytes.length; length++) {
          expectViolationOrValue(() => read(withBody(bytes, bytes.subarray(5, length))));
        }
      }),
      { numRuns: 30 },
    );
  });

  test.each(allKinds)("is refused or read aright with any body: %s", (_, { examples, read }) => {
    fc.assert(
      fc.property(examples, fc.uint8Array({ maxLength: 60 }), ({ bytes }, body) => {
        expectViolationOrValue(() => read(withBody(bytes, body)));
        expectViolationOrValue(() =>
          read(withBody(bytes, Buffer.concat([bytes.subarray(5), body]))),
        );
      }),
    );
  });

  test.each(allKinds)("is not taken for another: %s", (_, { examples, read }) => {
    fc.assert(
      fc.property(examples, ({ bytes }) => {
        const other = Uint8Array.from(bytes);
        other[0] = 0x7a; // z, which is nobody's tag
        expect(failureOf(() => read(other))).toMatchObject({ code: "ERR_PROTOCOL_VIOLATION" });
      }),
      { numRuns: 10 },
    );
  });
});

/** The run of whole messages that comes out of the pieces. */
function rejoined(chunks: readonly Uint8Array[]): Uint8Array {
  const splitter = new MessageSplitter(MAX_MESSAGE_BYTES);
  const bytes = Buffer.concat(chunks.map((chunk) => Buffer.from(splitter.push(chunk))));
  expect(splitter.isAtBoundary).toBe(true);
  return bytes;
}

function followedAsClient(chunks: readonly Uint8Array[]): object {
  const ledger = new AnswerLedger();
  ledger.readyForQuery(0x49);
  const stream = new ClientStream(ledger, MAX_MESSAGE_BYTES);
  for (const chunk of chunks) stream.advance(chunk);
  const { hasTerminated, isAtBoundary } = stream;
  const { isIdle, isBatchOpen, owedReadyForQuery } = ledger;
  return { hasTerminated, isAtBoundary, isIdle, isBatchOpen, owedReadyForQuery };
}

function followedAsServer(chunks: readonly Uint8Array[]): object {
  const ledger = new AnswerLedger();
  const stream = new ServerStream(ledger, MAX_MESSAGE_BYTES);
  for (const chunk of chunks) stream.advance(chunk);
  const { keyData, endedWithError, isAtBoundary } = stream;
  const { cycles, isCopying, transactionStatus } = ledger;
  return { keyData, endedWithError, isAtBoundary, cycles, isCopying, transactionStatus };
}

const SIDES = [
  ["client", CLIENT_MESSAGES, Buffer.concat(BARE_MESSAGES.client), followedAsClient],
  ["server", SERVER_MESSAGES, Buffer.concat(BARE_MESSAGES.server), followedAsServer],
] as const;

describe.each(SIDES)("the messages of a %s", (_, kinds, bareMessages, followed) => {
  test.each(byName(kinds))("are the same wherever they are split: %s", (_, { examples, read }) => {
    fc.assert(
      fc.property(examples, ({ bytes, says }) => {
        const whole = followed([bytes]);
        expect(whole).toMatchObject({ isAtBoundary: true });
        for (const chunks of everySplit(bytes)) {
          expect(read(rejoined(chunks))).toEqual(says);
          expect(followed(chunks)).toEqual(whole);
        }
      }),
      { numRuns: 10 },
    );
  });

  test("are the same wherever they are split, those without a body", () => {
    for (const chunks of everySplit(bareMessages)) {
      expect(rejoined(chunks)).toEqual(bareMessages);
      expect(followed(chunks)).toEqual(followed([bareMessages]));
    }
  });
});

describe("the packets that open a connection", () => {
  const anyName = fc.string({ minLength: 1 }).map((text) => text.replaceAll("\0", "0"));

  test("say what was written: StartupMessage", () => {
    fc.assert(
      fc.property(
        fc.dictionary(anyName, anyName, { noNullPrototype: true }),
        fc.nat(0xffff),
        (parameters, minorVersion) => {
          const version = 0x0003_0000 + minorVersion;
          const packet = new FrontendWriter()
            .startupMessage(Object.entries(parameters), version)
            .take();
          expect(readStartupPacket(packet)).toEqual({
            kind: "startupMessage",
            byteLength: packet.length,
            majorVersion: 3,
            minorVersion,
          });
          expect([...readStartupParameters(packet)]).toEqual(Object.entries(parameters));
        },
      ),
    );
  });

  test("say what was written: SSLRequest", () => {
    expect(readStartupPacket(new FrontendWriter().sslRequest().take())).toEqual({
      kind: "sslRequest",
      byteLength: 8,
    });
  });
});
