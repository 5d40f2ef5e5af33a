import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MultiplexedKit } from "../../../tests/fixtures/multiplexed.ts";
import type { BackendEnd } from "../../../tests/fixtures/multiplexed.ts";
import { SEED, times } from "../../../tests/fixtures/test-size.ts";
import {
  anyHostileStream,
  BARE_MESSAGES,
  CLIENT_MESSAGES,
  everySplit,
  frontend,
  message,
  SERVER_MESSAGES,
} from "../../../tests/fixtures/wire/index.ts";
import type { MessageKind } from "../../../tests/fixtures/wire/index.ts";
import { MessageSplitter, forEachMessage } from "../../postgres/message-splitter.ts";

/** fast-check says the seed of a failure. */
const RUNS = { numRuns: times(250, 100_000), seed: SEED };
const FEW = { numRuns: 3, seed: SEED };
const MAX_MESSAGE_BYTES = 4096;
/** Of a bounded run, on a machine that has much to do. */
const TIMEOUT_MS = times(60_000, 3 * 3_600_000);

const SYNC = frontend.sync;
const ENDS_UNIT: ReadonlySet<number | undefined> = new Set(Buffer.from("QF"));
const READY = message("Z", Buffer.from("I"));
const COMPLETE = message("C", "OK");

const byName = (kinds: readonly MessageKind[]): readonly (readonly [string, MessageKind])[] =>
  kinds.map((kind) => [kind.name, kind]);

/** What an obliging server says to each message, by its tag. */
const ANSWERS: Readonly<Record<string, Buffer>> = {
  Q: Buffer.concat([COMPLETE, READY]),
  F: Buffer.concat([message("V", Buffer.from([255, 255, 255, 255])), READY]),
  P: message("1"),
  B: message("2"),
  C: message("3"),
  D: message("n"),
  E: COMPLETE,
  S: READY,
};

/** Has a backend answer whatever it is sent. */
function oblige({ connection, heard }: BackendEnd): void {
  const splitter = new MessageSplitter(1024 * 1024);
  heard.onBytes = (bytes) => {
    const run = splitter.push(bytes);
    forEachMessage(run, (tag) => {
      // The gateway's questions have rows; that there are none is an answer, too.
      const answer = ANSWERS[String.fromCharCode(tag)];
      if (answer !== undefined && connection.isOpen) connection.write(answer);
    });
  };
}

async function newKit(): Promise<MultiplexedKit> {
  const kit = await new MultiplexedKit({
    size: 1,
    limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
  }).fill();
  return kit;
}

/** What became of what a client sent: what its server got, what it heard, how it ended. */
async function sentInPieces(chunks: readonly Uint8Array[]): Promise<object> {
  const kit = await newKit();
  oblige(kit.at());
  const client = kit.client();
  for (const chunk of chunks) await kit.say(client, chunk);
  const outcome = { server: kit.at().heard.text, client: client.heard.text, ends: client.ends };
  await kit.expectClean();
  return outcome;
}

/** What a client got of what its server said. */
async function answeredInPieces(chunks: readonly Uint8Array[]): Promise<object> {
  const kit = await newKit();
  const client = kit.client();
  await kit.say(client, frontend.query("vacuum"));
  for (const chunk of chunks) await kit.answer(kit.at(), chunk);
  const outcome = { client: client.heard.text, ends: client.ends };
  await kit.expectClean();
  return outcome;
}

describe("through a pooled relay", () => {
  test.each(byName(CLIENT_MESSAGES))(
    "a message of a client is the same wherever it is split: %s",
    async (_, { examples }) => {
      await fc.assert(
        fc.asyncProperty(examples, async ({ bytes }) => {
          // What ends a unit by itself has nothing behind it: a Sync alone may be answered by the gateway.
          const unit = ENDS_UNIT.has(bytes[0])
            ? Buffer.from(bytes)
            : Buffer.concat([bytes, SYNC()]);
          const whole = await sentInPieces([unit]);
          for (const chunks of everySplit(unit)) expect(await sentInPieces(chunks)).toEqual(whole);
        }),
        FEW,
      );
    },
  );

  test.each(byName(SERVER_MESSAGES))(
    "a message of a server is the same wherever it is split: %s",
    async (_, { examples }) => {
      await fc.assert(
        fc.asyncProperty(examples, async ({ bytes }) => {
          // Behind a ReadyForQuery nothing is for this client any more.
          const isEnd = bytes[0] === READY[0];
          const answer = isEnd ? Buffer.from(bytes) : Buffer.concat([bytes, COMPLETE, READY]);
          const whole = await answeredInPieces([answer]);
          for (const chunks of everySplit(answer)) {
            expect(await answeredInPieces(chunks)).toEqual(whole);
          }
        }),
        FEW,
      );
    },
  );
});

const anyClientStream = anyHostileStream(CLIENT_MESSAGES, [
  ...BARE_MESSAGES.client,
  message("d", Buffer.from("data")),
]);
const anyServerStream = anyHostileStream(SERVER_MESSAGES, [
  ...BARE_MESSAGES.server,
  READY,
  message("d", Buffer.from("data")),
  message("c"),
  message("s"),
]);

/** How a session may end for what is said on it; anything else is a fault of the gateway. */
const ENDS = [
  "clientGone",
  "serverClosed",
  "ERR_PROTOCOL_VIOLATION",
  "ERR_MESSAGE_TOO_LARGE",
  "ERR_SERVER_LOST",
  "ERR_SETTINGS_LOST",
];

/** The client has whole messages; a FATAL is the last of them. @throws when that is not so */
function expectWhole(heard: Buffer): void {
  const splitter = new MessageSplitter(1024 * 1024);
  const run = Buffer.from(splitter.push(heard));
  expect(splitter.isAtBoundary).toBe(true);
  let end = 0;
  forEachMessage(run, (tag, from, to) => {
    const isFatal = tag === 0x45 && run.subarray(from, to).includes("SFATAL\0");
    if (isFatal && end === 0) end = to;
  });
  if (end > 0) expect(end).toBe(run.length);
}

describe("a hostile stream through a pooled relay", () => {
  test(
    "of a client ends its session in order, and the next is served",
    async () => {
      await fc.assert(
        fc.asyncProperty(anyClientStream, async (chunks) => {
          const kit = await newKit();
          oblige(kit.at());
          const client = kit.client();
          for (const chunk of chunks) {
            if (client.connection.isOpen) await kit.say(client, chunk);
          }
          for (const end of client.ends) expect(ENDS).toContain(end);
          const [end] = client.ends;
          if (end !== undefined && end.startsWith("ERR_")) {
            const code = end === "ERR_MESSAGE_TOO_LARGE" ? "54000" : "08P01";
            expect(client.heard.text).toContain(`SFATAL\0VFATAL\0C${code}\0`);
          }
          expectWhole(client.heard.bytes);
          client.connection.close();
          await kit.pass(6_000);
          const next = kit.client();
          await kit.say(next, frontend.query("vacuum"));
          // It got the connection of the one before, or another one if that was not fit for it.
          const server = kit.at(kit.backends.length - 1);
          oblige(server);
          await kit.answer(server, ANSWERS["Q"] ?? COMPLETE);
          expect(server.heard.text).toEndWith(frontend.query("vacuum").toString("latin1"));
          expect(next.heard.text).toStartWith(COMPLETE.toString("latin1"));
          await kit.expectClean();
        }),
        RUNS,
      );
    },
    TIMEOUT_MS,
  );

  test(
    "of a server ends the sessions it is for, and leaves nothing",
    async () => {
      await fc.assert(
        fc.asyncProperty(anyServerStream, anyClientStream, async (answers, requests) => {
          const kit = await newKit();
          const client = kit.client();
          for (let at = 0; at < Math.max(answers.length, requests.length); at++) {
            const [request, answer] = [requests[at], answers[at]];
            if (request !== undefined && client.connection.isOpen) await kit.say(client, request);
            const server = kit.at(kit.backends.length - 1);
            if (answer !== undefined && server.connection.isOpen) await kit.answer(server, answer);
          }
          for (const end of client.ends) expect(ENDS).toContain(end);
          client.connection.close();
          await kit.pass(6_000);
          // What a client asked for ahead of its goodbye is the server's to finish, as directly; or to give up.
          for (const { connection } of kit.backends) connection.close();
          await kit.expectClean();
          expect(kit.snapshot).toMatchObject({ leased: 0, waiting: 0 });
        }),
        RUNS,
      );
    },
    TIMEOUT_MS,
  );
});
